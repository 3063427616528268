/* SPDX-License-Identifier: ISC */
/*
 * A peer's sending half: as many bytes of the pattern (pattern_at() of fixture.h) as the kernel
 * takes, on the loop, until all are sent. Beside a struct peer on the same fd, which receives.
 */
#ifndef WEIR_TESTS_SENDER_H
#define WEIR_TESTS_SENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"

struct sender {
	struct watcher watcher;
	int fd;        /**< a duplicate; -1 while nothing is being sent */
	size_t n_sent; /**< since the beginning, over all calls of sender_send() */
	size_t total;
	int error; /**< a negative errno that ended it */
};

/** A sender that has sent nothing. */
void sender_init(struct sender *sender);

/** Sends `len` more bytes over `fd`, which stays the caller's, on test_loop. */
void sender_send(struct sender *sender, int fd, size_t len);

/** Whether all is sent. */
bool sender_is_done(const struct sender *sender);

/** Stops; so that `fd` is the only one that is left. Idempotent. */
void sender_stop(struct sender *sender);

#endif
