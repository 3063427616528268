/* SPDX-License-Identifier: ISC */
/*
 * A pump on test_loop between two streams, whose peers use plain system calls; for all combinations
 * of kinds of wire. With WEIR_TEST_SPLICE set, the pump splices from the first byte on where that
 * is possible.
 */
#ifndef WEIR_TESTS_LINE_H
#define WEIR_TESTS_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"
#include "sender.h"
#include "stream/pump.h"

/** Three kinds to read from times three to write to. In the first LINE_FROM_TCP of them the source
 * is TCP. */
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
	size_t mark;               /**< the high-water mark of `to` */
	enum pump_outcome outcome; /**< the last one, except GONE */
	unsigned n_told;           /**< number of outcomes, except GONE */
	unsigned n_gone;
	unsigned n_done;   /**< PUMP_DONE */
	size_t n_moved[2]; /**< bytes that were copied, and bytes that were spliced */
	bool splices;      /**< splicing goes on where the pump would stop it */
	bool began;        /**< PUMP_BEGAN */
	size_t most_waiting;
	bool close_when_done;
};

extern struct line line;

/** Callbacks that record the outcomes of the pump of line_open(). */
extern const struct pump_calls line_calls;

/** Opens the two streams of combination `i`, without a pump. The receiving peer does not read. */
void line_prepare(int i, bool tiny, size_t mark);

/** The same with the pump. */
void line_open(int i, bool tiny, size_t mark);

void line_close(void);

/** The receiving peer reads from now on, at most `max` bytes at once. */
void line_receive(size_t max);

/** Closes the sending peer. */
void line_finish(void);

/** Sends so many bytes that some wait in weir, because the receiving peer does not read. */
void line_fill(void);

#endif
