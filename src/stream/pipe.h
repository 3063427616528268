/* SPDX-License-Identifier: ISC */
/*
 * Pipes for splice(2), from a small pool of the loop.
 *
 * A stream borrows a pipe only while bytes are in the pipe, so a few pipes serve many streams, and
 * an idle stream has none. A pipe is as large as the kernel grants, up to PIPE_BYTES_MAX. After 64
 * MiB of pipes the kernel grants an unprivileged user only 8 KiB for each (pipe(7),
 * pipe-user-pages-soft). Below PIPE_BYTES_MIN copying is cheaper, so such a pipe is not used.
 */
#ifndef WEIR_STREAM_PIPE_H
#define WEIR_STREAM_PIPE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

enum {
	PIPES_MAX = 8, /**< most pipes of one loop */
	PIPE_BYTES_MAX = 1024 * 1024,
	PIPE_BYTES_MIN = 64 * 1024,
	PIPE_RETRY_MS = 1000,
};

struct pipe {
	int in;      /**< the end to write to */
	int out;     /**< the end to read from */
	size_t size; /**< what the kernel granted */
	size_t used; /**< bytes in the pipe; change it with pipe_fill() and pipe_drain() */
};

/** The free pipes of a loop; zero it at first. */
struct pipe_pool {
	struct pipe *free[PIPES_MAX];
	/** This and n_made are written on the loop's thread and read on any thread. */
	_Atomic size_t n_free;
	_Atomic size_t n_made; /**< pipes that exist, free or lent */
	size_t max;            /**< 0: no pipes, everything is copied */
	uint64_t retry_ns;     /**< the kernel refused a pipe: do not ask again before this time */
};

/**
 * Allows the loop up to `max` pipes, at most PIPES_MAX; a new loop is allowed none. If there are
 * more now, the lent ones are closed when they are given back.
 */
void pipe_pool_allow(struct loop *loop, size_t max);

/**
 * Lends an empty pipe; NULL if neither the pool nor the kernel has one. After a refusal the kernel
 * is asked again only after PIPE_RETRY_MS: asking at each read would cost more than copying.
 */
struct pipe *pipe_take(struct loop *loop);

/** `n` bytes went into a pipe that the loop has lent, or came out of it. */
void pipe_fill(struct loop *loop, struct pipe *pipe, size_t n);
void pipe_drain(struct loop *loop, struct pipe *pipe, size_t n);

/**
 * Takes a pipe back. A pipe with bytes in it is closed, and the bytes are lost. NULL is fine;
 * returns NULL.
 */
struct pipe *pipe_give(struct loop *loop, struct pipe *pipe);

/**
 * How many pipes are lent and how many are free. Any thread; but only on the loop's thread are the
 * two numbers of the same moment.
 */
void pipe_pool_count(struct loop *loop, size_t *ret_lent, size_t *ret_free);

/** Closes the free pipes. No pipe may be lent. */
void pipe_pool_fini(struct pipe_pool *pool);

#endif
