/* SPDX-License-Identifier: ISC */
/*
 * A limit on open pairs: one atomic count, shared by all workers. A place is taken before a
 * connection is accepted and given back when its session has ended.
 *
 * A thread that finds no place and wants one notes that (`waited`) before a last look. A thread
 * that makes room, by giving a place back or by raising the maximum, looks at the note afterwards.
 * All of it is sequentially consistent, so one of the two sees the other, in any order: nobody
 * waits for ever beside a free place. The note is a state and not an event: it stands until there
 * is room.
 */
#ifndef WEIR_PROXY_LIMIT_H
#define WEIR_PROXY_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
	_Atomic uint32_t n_taken;
	_Atomic uint32_t max;     /**< 0: none */
	atomic_bool waited;       /**< somebody was refused since it was last looked at with room */
	_Atomic uint64_t told_ns; /**< for tell_rarely() */
};

/** Between two lines of the log that say the same. */
enum { TELL_RARELY_S = 10 };

/**
 * Changes the maximum. With less than is taken nothing is taken any more until there is room again.
 * True: there is room, and those who wait must be woken. Any thread.
 */
bool limit_set(struct limit *limit, uint32_t max);

/** Takes a place if there is one. False: the caller waits, and is woken then. Any thread. */
bool limit_take(struct limit *limit);

/** Gives one back. True: there is room now, and those who wait must be woken. Any thread. */
bool limit_give(struct limit *limit);

/** Whether there is room. False: the caller waits, as with limit_take(). Any thread. */
bool limit_await(struct limit *limit);

/** Whether there is no place just now. Any thread. */
bool limit_is_full(const struct limit *limit);

/** Whether to log something again that was logged at `*told_ns` (0: never yet), and sets it. For a
 * limit, and any other shortage that many listeners and workers meet at once. Any thread. */
bool tell_rarely(_Atomic uint64_t *told_ns, uint64_t now_ns);

/**
 * Closes it, so that no place can be taken; only if none is. Whether it is closed. For beginning
 * with nothing open, and for ending so: a client that comes at this moment has a place before, or
 * finds none after. Any thread.
 */
bool limit_close(struct limit *limit);

/** Undoes limit_close(). True: there is room, and those who wait must be woken. Any thread. */
bool limit_open(struct limit *limit);
bool limit_is_closed(const struct limit *limit);

/** What n_taken is when it is closed. */
#define LIMIT_CLOSED UINT32_MAX

/** A thread that reads this sees all that was done before the last place was given back. */
static inline uint32_t limit_taken(const struct limit *limit)
{
	uint32_t n = atomic_load_explicit(&limit->n_taken, memory_order_acquire);

	return n == LIMIT_CLOSED ? 0 : n;
}

static inline uint32_t limit_max(const struct limit *limit)
{
	return atomic_load_explicit(&limit->max, memory_order_relaxed);
}

#endif
