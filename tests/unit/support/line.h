/* SPDX-License-Identifier: ISC */
/*
 * A pump on test_loop between two streams, whose peers are plain system calls: between every two
 * kinds of wire. With WEIR_TEST_SPLICE set, whatever can be spliced is, from the first byte on.
 */
#ifndef WEIR_TESTS_LINE_H
#define WEIR_TESTS_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"
#include "sender.h"
#include "stream/pump.h"

/** Three kinds to read from, three to write to; in the first of them the source is TCP. */
enum { LINE_COMBINATIONS = 9, LINE_FROM_TCP = 3, LINE_UNIX_TO_UNIX = 4 };

struct line {
	struct pump pump;
	enum wire_kind from_kind;
	struct stream *from;
	struct stream *to;
	int in; /**< the peer that sends */
	struct sender sender;
	struct peer out; /**< the peer that receives */
	struct recorder watch;
	size_t mark;
	enum pump_outcome outcome; /**< the last, but for GONE */
	unsigned n_told;           /**< outcomes but for GONE */
	unsigned n_gone;
	unsigned n_done;   /**< PUMP_DONE */
	size_t n_moved[2]; /**< bytes, copied and spliced */
	bool splices;      /**< and goes on splicing when the pump finds it too little */
	bool began;        /**< PUMP_BEGAN */
	size_t most_waiting;
	bool close_when_done;
};

extern struct line line;

/** Note what the pump of line_open() tells. */
extern const struct pump_calls line_calls;

/** The two streams of the combination `i`, and no pump yet; nothing is received. */
void line_prepare(int i, bool tiny, size_t mark);

/** The same with the pump. */
void line_open(int i, bool tiny, size_t mark);

void line_close(void);

/** The peer receives from now on, at most `max` bytes at once. */
void line_receive(size_t max);

/** The peer that sends closes. */
void line_finish(void);

/** Sends so much that the receiver, who does not read, leaves bytes waiting in weir. */
void line_fill(void);

#endif
