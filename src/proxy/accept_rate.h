/* SPDX-License-Identifier: ISC */
/*
 * How many clients of a listener are accepted in a second: tokens that all its sockets on all
 * workers share, by the listener's name, over reloads. Tokens that nobody took are saved up, one
 * second's worth at most.
 *
 * The asker is given the next token, and the time when it may be used: at once, or later, for which
 * the asker waits by its own clock. So nobody holds a lock or wakes anybody. An asker that asks
 * again when its token is used stands behind all others that wait, so that each has its turn. A
 * token that is not used goes back.
 *
 * All of it is one atomic time: until when tokens are given. Any thread.
 */
#ifndef WEIR_PROXY_ACCEPT_RATE_H
#define WEIR_PROXY_ACCEPT_RATE_H

#include <stdatomic.h>
#include <stdint.h>

/** Zeroed: as much as may be is saved up. */
struct accept_rate {
	_Atomic uint64_t given_ns; /**< when the token that was given last may be used */
	_Atomic uint64_t told_ns;  /**< for tell_rarely() (limit.h) */
};

/** Takes a token of so many in a second, from 1: from when on it may be used (clock_ns()). */
uint64_t accept_rate_take(struct accept_rate *rate, uint64_t a_second, uint64_t now_ns);

/** Gives a token back that was not used, of the same rate. */
void accept_rate_give(struct accept_rate *rate, uint64_t a_second);

#endif
