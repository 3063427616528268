/* SPDX-License-Identifier: ISC */
#include "stream/pipe.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "stream/loop_private.h"

static struct pipe *pipe_close(struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	return NULL;
}

/** Makes a pipe as large as the kernel grants; NULL if that is too small to be useful. */
static struct pipe *pipe_make(void)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];
	int size;

	if (pipe == NULL) {
		return NULL;
	}
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(pipe);
		return NULL;
	}
	pipe->out = fds[0];
	pipe->in = fds[1];
	for (int wanted = PIPE_BYTES_MAX; wanted > PIPE_BYTES_MIN; wanted /= 2) {
		if (fcntl(pipe->in, F_SETPIPE_SZ, wanted) >= 0) {
			break;
		}
	}
	size = fcntl(pipe->in, F_GETPIPE_SZ);
	if (size < PIPE_BYTES_MIN) {
		return pipe_close(pipe);
	}
	pipe->size = (size_t)size;
	return pipe;
}

void pipe_pool_allow(struct loop *loop, size_t max)
{
	struct pipe_pool *pool = loop_pipes(loop);

	pool->max = max < PIPES_MAX ? max : PIPES_MAX;
	while (pool->n_made > pool->max && pool->n_free > 0) {
		pipe_close(pool->free[--pool->n_free]);
		pool->n_made--;
	}
}

struct pipe *pipe_take(struct loop *loop)
{
	struct pipe_pool *pool = loop_pipes(loop);
	struct pipe *pipe;

	if (pool->n_free > 0) {
		return pool->free[--pool->n_free];
	}
	if (pool->n_made >= pool->max || clock_ns() < pool->retry_ns) {
		return NULL;
	}
	pipe = pipe_make();
	if (pipe == NULL) {
		pool->retry_ns = clock_after(clock_ns(), (uint64_t)PIPE_RETRY_MS * NS_PER_MS);
		return NULL;
	}
	pool->n_made++;
	return pipe;
}

void pipe_fill(struct loop *loop, struct pipe *pipe, size_t n)
{
	assert(n <= pipe->size - pipe->used);
	pipe->used += n;
	loop_add_piped(loop, (int64_t)n);
}

void pipe_drain(struct loop *loop, struct pipe *pipe, size_t n)
{
	assert(n <= pipe->used);
	pipe->used -= n;
	loop_add_piped(loop, -(int64_t)n);
}

struct pipe *pipe_give(struct loop *loop, struct pipe *pipe)
{
	struct pipe_pool *pool = loop_pipes(loop);

	if (pipe == NULL) {
		return NULL;
	}
	if (pipe->used > 0 || pool->n_made > pool->max) {
		pipe_drain(loop, pipe, pipe->used);
		pool->n_made--;
		return pipe_close(pipe);
	}
	pool->free[pool->n_free++] = pipe;
	return NULL;
}

void pipe_pool_count(struct loop *loop, size_t *ret_lent, size_t *ret_free)
{
	const struct pipe_pool *pool = loop_pipes(loop);
	size_t n_free = pool->n_free;
	size_t n_made = pool->n_made;

	*ret_free = n_free;
	*ret_lent = n_made > n_free ? n_made - n_free : 0;
}

void pipe_pool_fini(struct pipe_pool *pool)
{
	assert(pool->n_free == pool->n_made);
	while (pool->n_free > 0) {
		pipe_close(pool->free[--pool->n_free]);
		pool->n_made--;
	}
}
