/* SPDX-License-Identifier: ISC */
/*
 * A way on test_loop: a stream that splices its input to another, between two peers.
 *
 *	way_open(_i, false);
 *	way_receive();
 *	way_send(1000);
 *	loop_until(way.out.n_received == 1000);
 *	way_close();
 *
 * All bytes are the pattern of pattern_at(), checked on arrival. splice(2) is wrapped here: it
 * counts for fault.h, and the splices to `to` can be cut short or refused.
 */
#ifndef WEIR_TESTS_WAY_H
#define WEIR_TESTS_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"
#include "sender.h"
#include "stream/pipe.h"

/** TCP or UNIX to read from, TCP or UNIX to write to. */
enum { WAY_COMBINATIONS = 4, WAY_UNIX = 3 };

struct way {
	struct stream *from;
	struct stream *to;
	struct recorder source; /**< all events of `from`; writes what came with data to `to` */
	struct recorder sink;   /**< all events of `to` */
	int in;                 /**< the peer that sends; -1 once closed */
	struct sender sender;
	struct peer out;  /**< the peer that receives, after way_receive() */
	bool switches;    /**< each READ ends or begins splicing */
	bool stops;       /**< no more is read when bytes wait */
	size_t cut;       /**< no splice to `to` moves more, as after a signal; 0: what there is */
	bool refuses_out; /**< they fail with EINVAL */
};

/** The way of the test under way. */
extern struct way way;

/** `tiny`: the smallest buffers behind `to`, so that little fills them. Both are half-open. */
void way_open(int combination, bool tiny);

/** Frees the streams and closes the peers. */
void way_close(void);

void way_receive(void);
void way_send(size_t len);

/** The receiver does not read: until bytes wait in the pipe of `to`; then `from` is stopped. */
void way_fill_pipe(void);

/** All that was read from `from` has come out. */
bool way_is_out(void);

/** The pool that the pipes come from. */
const struct pipe_pool *way_pool(void);

#endif
