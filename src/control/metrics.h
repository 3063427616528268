/* SPDX-License-Identifier: ISC */
/*
 * GET /metrics, one family after the other, in slices, and those who write the families. Private
 * to control/.
 */
#ifndef WEIR_CONTROL_METRICS_H
#define WEIR_CONTROL_METRICS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "control/control.h"
#include "proto/exposition.h"

struct conf;
struct control_asked;
struct group;
struct group_plan;
struct member;

enum {
	METRICS_SLICE = 16,      /**< listeners or servers at a time */
	METRICS_FDS_SLICE = 256, /**< fds that are counted at a time */
};

/** A scrape under way. */
struct metrics {
	struct control_asked *asked;
	const struct conf *conf; /**< that of the beginning, borrowed of `asked` */
	struct control_status status;
	struct exposition text; /**< what was written and not sent yet */
	size_t family;
	/* Where the family goes on; all zero at its beginning. */
	size_t at;
	size_t at_member;
	struct group *group; /**< a reference: the upstream before `at` */
	struct group_plan *plan;
	DIR *fds;
	size_t n_fds;
};

struct metrics_family {
	const char *name;
	const char *type;
	const char *help;
	/** Writes its samples, or some of them: whether there are more. */
	bool (*write)(struct metrics *metrics);
};

/** Ends where it went on, and gives back what it held for that. */
void metrics_rewind(struct metrics *metrics);

/* ---- metrics_servers.c ---- */

bool metrics_waiting(struct metrics *metrics);
bool metrics_server_up(struct metrics *metrics);
bool metrics_server_ejected(struct metrics *metrics);
bool metrics_server_ejections(struct metrics *metrics);
bool metrics_server_weight(struct metrics *metrics);
bool metrics_server_pairs(struct metrics *metrics);
bool metrics_server_connects(struct metrics *metrics);
bool metrics_server_failed(struct metrics *metrics);

#endif
