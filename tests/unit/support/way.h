/* SPDX-License-Identifier: ISC */
/*
 * Fixture for splicing: on test_loop a stream that splices its input to another one, between two
 * peers.
 *
 *	way_open(_i, false);
 *	way_receive();
 *	way_send(1000);
 *	loop_until(way.out.n_received == 1000);
 *	way_close();
 *
 * All bytes are the pattern of pattern_at(), and are checked on arrival. splice(2) is wrapped: it
 * counts for fault.h, and splices to `to` can be made short or refused.
 */
#ifndef WEIR_TESTS_WAY_H
#define WEIR_TESTS_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"
#include "sender.h"
#include "stream/pipe.h"

/** TCP or UNIX to read from, times TCP or UNIX to write to. */
enum { WAY_COMBINATIONS = 4, WAY_UNIX = 3 };

struct way {
	struct stream *from;
	struct stream *to;
	/** Records all events of `from`, and writes what came with data to `to`. */
	struct recorder source;
	struct recorder sink; /**< records all events of `to` */
	int in;               /**< the peer that sends; -1 once closed */
	struct sender sender;
	struct peer out;  /**< the peer that receives, after way_receive() */
	bool switches;    /**< each READ stops or starts splicing */
	bool stops;       /**< reading stops when bytes wait */
	size_t cut;       /**< no splice to `to` moves more bytes than this; 0: no limit */
	bool refuses_out; /**< splices to `to` fail with EINVAL */
};

/** The fixture of the current test. */
extern struct way way;

/** Opens both streams, which are half-open. `tiny`: `to` has the buffers of wire_open_tiny(), so
 * that few bytes fill them. */
void way_open(int combination, bool tiny);

/** Frees the streams and closes the peers. */
void way_close(void);

void way_receive(void);
void way_send(size_t len);

/** Sends until bytes wait in the pipe of `to`, because the receiver does not read; then stops
 * `from`. */
void way_fill_pipe(void);

/** Whether everything that was read from `from` was written to `to`'s peer. */
bool way_is_out(void);

/** The pool from which the pipes come. */
const struct pipe_pool *way_pool(void);

#endif
