/* SPDX-License-Identifier: ISC */
/*
 * Pipes for splice(2), from a small pool of the loop.
 *
 * A pipe is lent to a stream only while bytes are in it, so few pipes serve many streams, and an
 * idle stream holds none. A pipe is as large as the kernel grants, up to PIPE_BYTES_MAX; an
 * unprivileged user gets 64 MiB of pipes in all and 8 KiB pipes afterwards (pipe(7),
 * pipe-user-pages-soft), and below PIPE_BYTES_MIN copying is cheaper: then there is no pipe.
 */
#ifndef WEIR_STREAM_PIPE_H
#define WEIR_STREAM_PIPE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

enum {
	PIPES_MAX = 8, /**< of one loop */
	PIPE_BYTES_MAX = 1024 * 1024,
	PIPE_BYTES_MIN = 64 * 1024,
	PIPE_RETRY_MS = 1000,
};

struct pipe {
	int in;      /**< to write to */
	int out;     /**< to read from */
	size_t size; /**< what the kernel granted */
	size_t used; /**< bytes inside */
};

/** The free pipes of a loop; zeroed at first. */
struct pipe_pool {
	struct pipe *free[PIPES_MAX];
	_Atomic size_t n_free; /**< written on the loop's thread, read on any, as the next one */
	_Atomic size_t n_made; /**< free or lent */
	size_t max;            /**< 0: no pipes, everything is copied */
	uint64_t retry_ns;     /**< the kernel refused one: not to be asked before then */
};

/** Lets the loop have up to `max` pipes, at most PIPES_MAX; none at first. Of more than that, those
 * that are lent go when they are given back. */
void pipe_pool_allow(struct loop *loop, size_t max);

/**
 * Lends an empty pipe, or NULL when the pool or the kernel has none. A kernel that refused is asked
 * again after PIPE_RETRY_MS: asking for each read would cost more than copying.
 */
struct pipe *pipe_take(struct loop *loop);

/** Takes it back. One with bytes inside is closed: they are lost. NULL is fine; returns NULL. */
struct pipe *pipe_give(struct loop *loop, struct pipe *pipe);

/** How many are lent and free. Any thread; of one moment only on the loop's. */
void pipe_pool_count(struct loop *loop, size_t *ret_lent, size_t *ret_free);

/** Closes the free ones; none may be lent. */
void pipe_pool_fini(struct pipe_pool *pool);

#endif
