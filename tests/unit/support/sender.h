/* SPDX-License-Identifier: ISC */
/*
 * The sending half of a peer. On the loop it sends bytes of the pattern (pattern_at() of
 * fixture.h), as many as the kernel takes, until all are sent. A struct peer may receive on the
 * same fd.
 */
#ifndef WEIR_TESTS_SENDER_H
#define WEIR_TESTS_SENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"

struct sender {
	struct watcher watcher;
	int fd;        /**< a duplicate; -1 while nothing is being sent */
	size_t n_sent; /**< bytes sent, over all calls of sender_send() */
	size_t total;
	int error; /**< a negative errno that ended it */
};

/** Sets up a sender that has sent nothing. */
void sender_init(struct sender *sender);

/** Sends `len` more bytes over `fd`, on test_loop. The caller owns `fd`. */
void sender_send(struct sender *sender, int fd, size_t len);

/** Whether all bytes are sent. */
bool sender_is_done(const struct sender *sender);

/** Stops, and closes its duplicate of `fd`. Idempotent. */
void sender_stop(struct sender *sender);

#endif
