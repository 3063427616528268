/* SPDX-License-Identifier: ISC */
/*
 * GET /metrics: writes one metric family after the other, in slices; and the functions that write
 * the families. Private to control/.
 */
#ifndef WEIR_CONTROL_METRICS_H
#define WEIR_CONTROL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "control/control.h"
#include "control/members.h"
#include "crew/numbers.h"
#include "proto/exposition.h"

struct conf;
struct control_asked;

enum {
	/** Servers or upstreams whose samples are written at a time. Of listeners fewer are written
	 * at a time, the more workers there are. */
	METRICS_PIECE = 16,
};

/** A scrape under way. */
struct metrics {
	struct control_asked *asked;
	const struct conf *conf; /**< the config when it began, borrowed from `asked` */
	struct control_status status;
	struct exposition text; /**< writes to asked->list.text */
	size_t family;
	/* Where the current family is to be continued; reset for each family. */
	size_t at;
	struct members members;
	struct numbered_listeners listeners; /**< those when the scrape began; not reset */
	int fds;                             /**< /proc/self/fd, open; -1: it is not open */
	size_t n_fds;
};

struct metrics_family {
	const char *name;
	const char *type;
	const char *help;
	/** Writes some or all of its samples. Returns whether there are more. */
	bool (*write)(struct metrics *metrics);
};

/* ---- metrics_process.c ---- */

bool metrics_cpu(struct metrics *metrics);
bool metrics_virtual(struct metrics *metrics);
bool metrics_virtual_max(struct metrics *metrics);
bool metrics_resident(struct metrics *metrics);
bool metrics_fds(struct metrics *metrics);
bool metrics_max_fds(struct metrics *metrics);
bool metrics_threads(struct metrics *metrics);
bool metrics_started(struct metrics *metrics);

/* ---- metrics_workers.c ---- */

bool metrics_worker_accepted(struct metrics *metrics);
bool metrics_worker_open(struct metrics *metrics);
bool metrics_worker_cpu(struct metrics *metrics);
bool metrics_delays(struct metrics *metrics);
bool metrics_slices(struct metrics *metrics);
bool metrics_pipes_lent(struct metrics *metrics);
bool metrics_pipes_free(struct metrics *metrics);

/* ---- metrics_servers.c ---- */

bool metrics_discovery_well(struct metrics *metrics);
bool metrics_waiting(struct metrics *metrics);
bool metrics_waited(struct metrics *metrics);
bool metrics_waited_too_long(struct metrics *metrics);
bool metrics_queue_full(struct metrics *metrics);
bool metrics_server_up(struct metrics *metrics);
bool metrics_server_ejected(struct metrics *metrics);
bool metrics_server_ejections(struct metrics *metrics);
bool metrics_server_check_up(struct metrics *metrics);
bool metrics_server_checks(struct metrics *metrics);
bool metrics_server_checks_failed(struct metrics *metrics);
bool metrics_server_checks_unjudged(struct metrics *metrics);
bool metrics_server_weight(struct metrics *metrics);
bool metrics_server_pairs(struct metrics *metrics);
bool metrics_server_connects(struct metrics *metrics);
bool metrics_server_failed(struct metrics *metrics);

#endif
