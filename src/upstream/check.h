/* SPDX-License-Identifier: ISC */
/*
 * The checks of one target: when a check is made (probe.h makes it), and whether the target is up,
 * judged by the results. This module knows nothing of servers and groups.
 *
 *	up ── `fall` failed checks in a row ──▶ down ── `rise` passed ones in a row ──▶ up
 *
 * Until the first check the target counts as up. The first check decides alone, whatever `rise` and
 * `fall` are.
 *
 * Each check has a due time: `every` after the due time of the last check (`every_down` while the
 * target is down), so a late check does not delay those that follow. The first check is due after a
 * fraction of `every`, the `phase`. A check never begins before its due time. It may begin up to
 * CHECK_SLACK_NS later if the interval is at least ten times that, so that checks that are due soon
 * after each other begin in one turn of the loop. A due time that passes before the previous check
 * has ended is skipped, also if that check began late because the loop did not turn.
 *
 * If weir itself could not make a check (no fd, memory, port, or thread for the lookup), the check
 * says nothing about the target: it counts neither as passed nor as failed, and the next one
 * follows at its due time.
 */
#ifndef WEIR_UPSTREAM_CHECK_H
#define WEIR_UPSTREAM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "upstream/probe.h"

#define CHECK_SLACK_NS ((uint64_t)10 * NS_PER_MS)

struct check;

/** The target went down or came up. Borrowed for the call. */
struct check_change {
	bool is_up;
	unsigned n_checks;                   /**< how many checks in a row led to the change */
	uint64_t lasted_ns;                  /**< how long the target was in the other state */
	const struct probe_outcome *outcome; /**< the result of the last of these checks */
};

struct check_opts {
	struct probe_question question; /**< copied, except the name and the fd counter */
	uint64_t every_ns;
	uint64_t every_down_ns;
	uint64_t timeout_ns; /**< for the whole check: lookup, all addresses, the answer */
	unsigned rise;
	unsigned fall;
	/** The fraction of `every` before the first check, in units of 2^-32: see check_phase(). */
	uint32_t phase;
	void *owner; /**< passed to the callbacks, which the loop calls */
	/** May be NULL. A check has a result. Must not close the check. */
	void (*judged)(void *owner, bool passed);
	/** The target went down or came up. May close the check. */
	void (*changed)(void *owner, const struct check_change *change);
	/** May be NULL. A check could not be made: see above. May close the check. */
	void (*unjudged)(void *owner, int err);
};

/**
 * A phase for the n-th of many checks. Any number of them is spread evenly (multiples of the golden
 * ratio).
 */
static inline uint32_t check_phase(uint32_t n)
{
	return n * UINT32_C(2654435769);
}

/** Starts the checks. NULL: no memory. This and all functions below: on the loop's thread. */
struct check *check_open(const struct check_opts *opts);

/** Stops the checks and frees. No callback comes after it. NULL is fine; returns NULL. */
struct check *check_close(struct check *check);

/**
 * Changes the settings; the loop and the fd counter must be the same. The results so far stay, and
 * the due times too if the intervals are the same. Otherwise the next check is due the new interval
 * after the last due time. But if that time has passed, or no check has a result yet, it is due one
 * `phase` of the new interval from now, or when it was due before, if that is earlier. A check in
 * progress goes on; if the question has changed, that check begins again. 0, or -ENOMEM; then
 * nothing has changed.
 */
int check_set(struct check *check, const struct check_opts *opts);

/** Whether the target is up; true before the first check. */
bool check_is_up(const struct check *check);

/** Since when the target has been up, or down. */
uint64_t check_since_ns(const struct check *check);

/** How much later than its due time the last check began. */
uint64_t check_late_ns(const struct check *check);

#endif
