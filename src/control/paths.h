/* SPDX-License-Identifier: ISC */
/* Which paths there are, with which methods, and who answers. Private to control/. */
#ifndef WEIR_CONTROL_PATHS_H
#define WEIR_CONTROL_PATHS_H

#include "base/list.h"
#include "proto/http.h"
#include "proto/http_target.h"

struct control;
struct control_asked;

/** An answer; control_asked_free() is called by it in the end, by one of the answers of asked.h. */
typedef void paths_answer(struct control_asked *asked);

enum { PATHS_ALLOW_MAX = 64 };

/**
 * The handler of a request. NULL: there is none; then *ret_allow is "" if there is no such path,
 * else the field Allow with the methods that the path has. HEAD is answered as GET is.
 */
paths_answer *paths_find(
	enum http_verb verb, const struct http_target *target, char ret_allow[PATHS_ALLOW_MAX]);

/* ---- those who answer ---- */

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

/** The crew has stopped: nobody has these under way any more (struct control_pairs::link). */
void control_forget_pairs(struct list *pairs); /* pairs.c */

/** At a stop: tells all who follow what has happened to the end, and that this is it. */
void control_end_events(struct control *control); /* events.c */

#endif
