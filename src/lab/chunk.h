/* SPDX-License-Identifier: ISC */
/*
 * A queue of what is in flight. A chunk is the bytes that were read together, or an end. A queue
 * owns its chunks.
 */
#ifndef WEIR_LAB_CHUNK_H
#define WEIR_LAB_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum chunk_kind {
	CHUNK_BYTES,
	CHUNK_END,   /**< the sender's FIN */
	CHUNK_RESET, /**< earlier bytes are delivered, then the connection is reset */
	CHUNK_CLOSE, /**< this direction ends, and the other one after what is in flight in it */
	CHUNK_CUT,   /**< earlier bytes are delivered, and both directions are closed at once */
	CHUNK_ABORT, /**< the connection is reset at once */
};

struct chunk {
	struct list link;     /* struct chunks::list */
	uint64_t at_ns;       /**< when it came into this queue */
	uint64_t offset;      /**< offset of its first byte in the stream of this direction */
	enum chunk_kind kind; /**< only CHUNK_BYTES has bytes */
	uint32_t from;        /**< offset in `bytes` of the first byte that is left */
	uint32_t n;           /**< number of bytes that are left */
	uint8_t bytes[];
};

struct chunks {
	struct list list; /* struct chunk::link, the oldest first */
	size_t load;      /**< the memory of all chunks */
	size_t n_bytes;   /**< the bytes of all chunks */
};

void chunks_init(struct chunks *chunks);
void chunks_fini(struct chunks *chunks);

/** Makes a chunk with a copy of the bytes. NULL: no memory. */
struct chunk *chunk_new(enum chunk_kind kind, const void *bytes, size_t n, uint64_t offset);

/** Takes a chunk, and adds it at the end. */
void chunks_append(struct chunks *chunks, struct chunk *chunk);

/** The oldest chunk; NULL: there is none. */
struct chunk *chunks_head(const struct chunks *chunks);

/** Removes the oldest chunk; the caller then owns it. */
struct chunk *chunks_take(struct chunks *chunks);

/** Removes the first `n` bytes of the oldest chunk, which must have more, and returns them as a
 * chunk that the caller owns. NULL: no memory. */
struct chunk *chunks_cut(struct chunks *chunks, size_t n);

/** Frees the oldest chunk. */
void chunks_drop(struct chunks *chunks);

/** The bytes that are left. */
static inline uint8_t *chunk_bytes(struct chunk *chunk)
{
	return chunk->bytes + chunk->from;
}

#endif
