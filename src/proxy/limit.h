/* SPDX-License-Identifier: ISC */
/*
 * A limit on open pairs: one atomic count that all workers share. A place is taken before a
 * connection is accepted, and given back when its session has ended.
 *
 * A thread that wants a place and finds none sets `waited` and then looks at the count once more. A
 * thread that makes room, by giving a place back or by raising the maximum, reads `waited`
 * afterwards. All these accesses are sequentially consistent, so in any order one of the two
 * threads sees what the other wrote, and no thread waits for ever while a place is free. `waited`
 * is a state and not an event: it stays set until there is room.
 */
#ifndef WEIR_PROXY_LIMIT_H
#define WEIR_PROXY_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
	_Atomic uint32_t n_taken;
	_Atomic uint32_t max;     /**< 0: no limit */
	atomic_bool waited;       /**< a caller was refused, and must be woken when there is room */
	_Atomic uint64_t told_ns; /**< when a full limit was last logged, for tell_rarely() */
};

/** The least time between two log lines about the same shortage. */
enum { TELL_RARELY_S = 10 };

/**
 * Changes the maximum. If it is below the number of places taken, no place can be taken until
 * enough were given back. True: there is room, and the caller must wake those that wait. Any
 * thread.
 */
bool limit_set(struct limit *limit, uint32_t max);

/** Takes a place if there is one. False: there is none, and the thread that makes room will wake
 * the caller. Any thread. */
bool limit_take(struct limit *limit);

/** Gives a place back. True: there is room now, and the caller must wake those that wait. Any
 * thread. */
bool limit_give(struct limit *limit);

/** Whether there is room. False: there is none, and the thread that makes room will wake the
 * caller, as with limit_take(). Any thread. */
bool limit_await(struct limit *limit);

/** Whether there is no free place at the moment. Any thread. */
bool limit_is_full(const struct limit *limit);

/** Whether something that was last logged at `*told_ns` (0: never) may be logged again; if so, sets
 * `*told_ns` to `now_ns`. For a full limit, and for any other shortage that many listeners and
 * workers meet at once. Any thread. */
bool tell_rarely(_Atomic uint64_t *told_ns, uint64_t now_ns);

/**
 * Closes the limit, so that no place can be taken, but only if none is taken now. Returns whether
 * it is closed. Used while weir starts, and when it ends for lack of pairs: a client that arrives
 * at the same moment either has its place before, or finds none afterwards. Any thread.
 */
bool limit_close(struct limit *limit);

/** Undoes limit_close(). True: there is room, and the caller must wake those that wait. Any
 * thread. */
bool limit_open(struct limit *limit);
bool limit_is_closed(const struct limit *limit);

/** The value of n_taken while the limit is closed. */
#define LIMIT_CLOSED UINT32_MAX

/** How many places are taken. A thread that reads 0 here sees everything that was done before the
 * last place was given back. */
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
