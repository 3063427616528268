/* SPDX-License-Identifier: ISC */
/*
 * STATUS=, the line that systemctl status shows: looked at once a second by the main thread, told
 * only when it reads differently. The workers only count, so that it costs them no wake-up.
 */
#ifndef WEIR_SERVICE_STATUS_H
#define WEIR_SERVICE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proxy/end.h"
#include "service/drain.h"
#include "service/stop.h"

struct crew;

enum { STATUS_TEXT_MAX = 2048 };

/** How the last reload went. */
struct status_reload {
	time_t at; /**< 0: there was none */
	bool failed;
};

/** All that the line tells. */
struct status_facts {
	/* The caller's. */
	enum stop_phase phase;
	enum drain_state drain; /**< by hand, while it does not stop */
	uint64_t left_ns;       /**< of the phase, or the drain; NS_NEVER: it has no end */
	size_t n_listeners;
	size_t n_usable;  /**< servers that take new pairs */
	size_t n_servers; /**< of all upstreams */
	uint32_t n_pairs;
	uint32_t max_pairs;
	struct status_reload reload;
	/* Of status_gather(). */
	uint64_t n_accepted;
	uint64_t n_half_closed;
	uint64_t n_closed[END_REASONS];
	bool has_p99; /**< a timer has struck */
	uint64_t p99_us;
};

/** What was told last, and what is expensive to compute again; zeroed at first. */
struct status {
	uint64_t n_closed; /**< when the percentile was computed */
	bool has_p99;
	uint64_t p99_us;
	char told[STATUS_TEXT_MAX];
};

/** Adds what the workers have counted. */
void status_gather(struct status *status, struct status_facts *facts, const struct crew *crew);

/** The line. */
void status_text(const struct status_facts *facts, char text[STATUS_TEXT_MAX]);

/** Tells systemd, if the line is another one than last time. */
void status_tell(struct status *status, const struct status_facts *facts);

#endif
