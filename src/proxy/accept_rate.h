/* SPDX-License-Identifier: ISC */
/*
 * A token bucket that bounds how many clients of a listener are accepted each second. All sockets
 * of the listener, on all workers, share it; it belongs to the listener's name, so it survives
 * reloads. Tokens that nobody took are saved up, one second's worth at most.
 *
 * A caller always gets the next token, with the time from which the token may be used. If that time
 * is in the future, the caller waits by a timer of its own, so there is no lock, and no thread
 * wakes another. A caller that asks again after using its token queues behind all others that wait,
 * so each is served in rotation. A token that is not used is given back.
 *
 * The bucket is a single atomic number: the time up to which tokens have been given. Any thread may
 * call these functions.
 */
#ifndef WEIR_PROXY_ACCEPT_RATE_H
#define WEIR_PROXY_ACCEPT_RATE_H

#include <stdatomic.h>
#include <stdint.h>

/** Zeroed: a full second's worth of tokens is saved up. */
struct accept_rate {
	_Atomic uint64_t given_ns; /**< when the token that was given last may be used */
	_Atomic uint64_t told_ns;  /**< when a wait was last logged, for tell_rarely() (limit.h) */
};

/** Takes a token, at a rate of `a_second` (at least 1) tokens each second. Returns the time
 * (clock_ns()) from which it may be used. */
uint64_t accept_rate_take(struct accept_rate *rate, uint64_t a_second, uint64_t now_ns);

/** Gives back a token that was taken at the same rate and not used. */
void accept_rate_give(struct accept_rate *rate, uint64_t a_second);

#endif
