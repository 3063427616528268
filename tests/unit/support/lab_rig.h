/* SPDX-License-Identifier: ISC */
/* Fixture for the toxics of weirlab: a chain with a clock that the test moves, and a record of what
 * came out when. */
#ifndef WEIR_TESTS_LAB_RIG_H
#define WEIR_TESTS_LAB_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic.h"

enum {
	LAB_OUT_KEPT = 1024 * 1024,
	LAB_PIECES_MAX = 64 * 1024,
};

/** One call of out(). */
struct lab_piece {
	uint64_t ns;
	size_t n;
};

struct lab_rig {
	struct chain chain;
	uint64_t now_ns;
	uint64_t wake_ns;
	size_t room;               /**< how many bytes the receiver takes at a time */
	size_t held;               /**< how many of those that it took have not left yet */
	uint8_t out[LAB_OUT_KEPT]; /**< the first bytes that came out */
	bool differs;              /**< a byte that came out is not that of the pattern */
	size_t n_out;
	struct lab_piece pieces[LAB_PIECES_MAX];
	size_t n_pieces;
};

/** Opens an empty chain at the time 1 s. Its receiver has room for any number of bytes. */
void lab_open(struct lab_rig *rig, uint64_t key);
void lab_close(struct lab_rig *rig);

/** Adds a toxic, with values for its first attributes, at the end of the chain. The test must free
 * it after lab_close(). */
struct toxic *lab_add(
	struct lab_rig *rig, const char *type, double toxicity, int64_t first, int64_t second);
struct toxic *lab_add3(
	struct lab_rig *rig, const char *type, int64_t first, int64_t second, int64_t third);

/** Puts `n` bytes of the pattern, in chunks of at most `piece`, and lets the chain run. */
void lab_put(struct lab_rig *rig, size_t n, size_t piece);
void lab_end(struct lab_rig *rig, enum chunk_kind kind);

/** Lets the chain run at this time. */
void lab_run(struct lab_rig *rig);

/** Moves the time to each moment at which the chain is due, and runs it then, up to `end_ns`. */
void lab_until(struct lab_rig *rig, uint64_t end_ns);

/** Whether the bytes that came out are the pattern without a gap. */
bool lab_is_exact(const struct lab_rig *rig);

#endif
