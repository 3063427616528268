/* SPDX-License-Identifier: ISC */
/* The table of paths, with their methods and handlers. Private to control/. */
#ifndef WEIR_CONTROL_PATHS_H
#define WEIR_CONTROL_PATHS_H

#include <stdbool.h>

#include "base/list.h"
#include "proto/http.h"
#include "proto/http_target.h"

struct control;
struct control_asked;

/** A handler: it gives the request one answer, at once or later (asked.h). */
typedef void paths_answer(struct control_asked *asked);

enum { PATHS_ALLOW_MAX = 64 };

/**
 * Finds the handler of a request. NULL: there is none; then *ret_allow is "" if the path does not
 * exist, or else the Allow field with the methods of the path. HEAD has the handler of GET. If
 * the request has a query and the path takes none, the handler that is returned refuses it.
 */
paths_answer *paths_find(
	enum http_verb verb, const struct http_target *target, char ret_allow[PATHS_ALLOW_MAX]);

/** Whether the path ignores its query, even one that cannot be read. */
bool paths_ignore_query(const struct http_target *target);

/* ---- the handlers ---- */

paths_answer control_get_health, control_get_ready, control_get_status; /* about.c */
paths_answer control_get_metrics;                                       /* metrics.c */
paths_answer control_get_listeners;                                     /* listeners.c */
paths_answer control_get_upstreams, control_patch_server;               /* upstreams.c */
paths_answer control_get_pairs, control_get_pair, control_delete_pair,
	control_delete_pairs;                          /* pairs.c */
paths_answer control_get_events;                       /* events.c */
paths_answer control_get_page;                         /* page.c */
paths_answer control_post_reload, control_put_log;     /* commands.c */
paths_answer control_post_drain, control_post_undrain; /* drain.c */

/** Call it when the crew has stopped: frees these requests, which the workers no longer have
 * (struct control_pairs::link). */
void control_forget_pairs(struct list *pairs); /* pairs.c */

/** Call it at a stop: sends the remaining events to all followers, and ends their answers. */
void control_end_events(struct control *control); /* events.c */

#endif
