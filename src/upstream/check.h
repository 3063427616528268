/* SPDX-License-Identifier: ISC */
/*
 * The checks of one target: when it is asked (probe.h), and whether it is up by what that has
 * shown. It knows no server and no group.
 *
 *	up ── `fall` failed checks in a row ──▶ down ── `rise` passed ones in a row ──▶ up
 *
 * It is up until its first check, which decides alone.
 *
 * Each check has a due time, `every` after the last one's (`every_down` while it is down): so a
 * check that is late does not put off those that follow. The first is due a share of `every`, the
 * `phase`, from now. A check begins never before its due time, and up to CHECK_SLACK_NS later where
 * the interval is ten times that or more: so those that are due soon after each other are done in
 * one turn of the loop. A due time that passes while the check before it goes on, or while the loop
 * does not turn, is left out.
 *
 * A check that weir could not make (no fd, no memory, no port, no thread for the lookup) says
 * nothing of the target: it counts neither way, and the next one follows at its time.
 */
#ifndef WEIR_UPSTREAM_CHECK_H
#define WEIR_UPSTREAM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "upstream/probe.h"

#define CHECK_SLACK_NS ((uint64_t)10 * NS_PER_MS)

struct check;

/** What changed: the target went down, or came up. Borrowed for the call. */
struct check_change {
	bool is_up;
	unsigned n_checks;                   /**< the checks in a row that decided it */
	uint64_t lasted_ns;                  /**< how long it was the other */
	const struct probe_outcome *outcome; /**< of the last of these */
};

struct check_opts {
	struct probe_question question; /**< copied, but for the name and the count of fds */
	uint64_t every_ns;
	uint64_t every_down_ns;
	uint64_t timeout_ns; /**< of the whole check: lookup, all addresses, the answer */
	unsigned rise;
	unsigned fall;
	/** Its share of `every`, in 2^32 parts, before the first check: see check_phase(). */
	uint32_t phase;
	void *owner; /**< handed to the callbacks, which the loop calls */
	/** May be NULL. A check was made. May not close the check. */
	void (*judged)(void *owner, bool passed);
	/** May close the check. */
	void (*changed)(void *owner, const struct check_change *change);
	/** May be NULL. A check could not be made: see above. May close the check. */
	void (*unjudged)(void *owner, int err);
};

/**
 * A phase for the n-th check of many: spread evenly, however many there are (the golden ratio's
 * multiples).
 */
static inline uint32_t check_phase(uint32_t n)
{
	return n * UINT32_C(2654435769);
}

/** Begins; on the loop's thread, as all here. NULL: no memory. */
struct check *check_open(const struct check_opts *opts);

/** Ends and frees; no callback comes any more. NULL is fine; returns NULL. */
struct check *check_close(struct check *check);

/**
 * Takes other settings, on the same loop. What is known stays, and so do the due times if the
 * intervals are the same. With a longer interval the next check is due that long after the last
 * one was; with a shorter one too, or, where that has passed, a phase from now. A check that is
 * under way goes on; where the question has become another, it is asked anew. 0, or -ENOMEM, and
 * all is as before.
 */
int check_set(struct check *check, const struct check_opts *opts);

/** Whether the target is up; true before the first check. */
bool check_is_up(const struct check *check);

/** Since when the target is up, or is down. */
uint64_t check_since_ns(const struct check *check);

/** How long after its due time the last check began. */
uint64_t check_late_ns(const struct check *check);

#endif
