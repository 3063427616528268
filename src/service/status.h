/* SPDX-License-Identifier: ISC */
/*
 * STATUS=, the line that systemctl status shows. The main thread makes it once a second, and sends
 * it to systemd only if it has changed. The workers only count, so they are never woken for it.
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

/** What the line is made from. */
struct status_facts {
	/* Set by the caller. */
	enum stop_phase phase;
	enum drain_state drain; /**< drain by hand; unused while weir stops */
	uint64_t left_ns; /**< time left of the phase, or of the drain; NS_NEVER: it has no end */
	size_t n_listeners;
	size_t n_usable;  /**< servers that take new pairs */
	size_t n_servers; /**< servers of all upstreams */
	uint32_t n_pairs;
	uint32_t max_pairs;
	struct status_reload reload;
	/* Set by status_gather(). */
	uint64_t n_accepted;
	uint64_t n_half_closed;
	uint64_t n_closed[END_REASONS];
	bool has_p99;    /**< a timer has expired, so that p99_us is known */
	uint64_t p99_us; /**< the 99th percentile of how late timers expire */
};

/** What was sent last, and what is expensive to compute; zeroed at first. */
struct status {
	uint64_t n_closed; /**< the sum of status_facts::n_closed when p99_us was computed */
	bool has_p99;
	uint64_t p99_us;
	char told[STATUS_TEXT_MAX];
};

/** Sets the members that are sums over the workers. */
void status_gather(struct status *status, struct status_facts *facts, const struct crew *crew);

/** Writes the line. */
void status_text(const struct status_facts *facts, char text[STATUS_TEXT_MAX]);

/** Sends the line to systemd if it has changed. */
void status_tell(struct status *status, const struct status_facts *facts);

#endif
