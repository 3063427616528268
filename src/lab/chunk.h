/* SPDX-License-Identifier: ISC */
/*
 * What is in flight: bytes that were read together, or an end, in a queue. A queue owns its chunks.
 */
#ifndef WEIR_LAB_CHUNK_H
#define WEIR_LAB_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum chunk_kind {
	CHUNK_BYTES,
	CHUNK_END,   /**< the sender has finished: a FIN of this direction */
	CHUNK_RESET, /**< what went before is delivered, then the connection is reset */
	CHUNK_CLOSE, /**< what went before is delivered, then the connection is closed, both ways */
	CHUNK_ABORT, /**< the connection is reset now */
};

struct chunk {
	struct list link;     /* struct chunks::list */
	uint64_t at_ns;       /**< when it came to where it is */
	uint64_t offset;      /**< of its first byte in the direction */
	enum chunk_kind kind; /**< all but BYTES have none */
	uint32_t from;        /**< where in `bytes` what is left begins */
	uint32_t n;           /**< how much is left */
	uint8_t bytes[];
};

struct chunks {
	struct list list; /* struct chunk::link, the oldest first */
	size_t load;      /**< memory of them all */
};

void chunks_init(struct chunks *chunks);
void chunks_fini(struct chunks *chunks);

/** NULL: no memory. Copies the bytes. */
struct chunk *chunk_new(enum chunk_kind kind, const void *bytes, size_t n, uint64_t offset);

/** Takes the chunk, as the last. */
void chunks_append(struct chunks *chunks, struct chunk *chunk);

/** The oldest; NULL: there is none. */
struct chunk *chunks_head(const struct chunks *chunks);

/** Takes the oldest off, for the caller. */
struct chunk *chunks_take(struct chunks *chunks);

/** Takes the first `n` bytes of the oldest, which has more: as a chunk of the caller's. NULL: no
 * memory. */
struct chunk *chunks_cut(struct chunks *chunks, size_t n);

/** Frees the oldest. */
void chunks_drop(struct chunks *chunks);

/** Where the bytes that are left begin. */
static inline uint8_t *chunk_bytes(struct chunk *chunk)
{
	return chunk->bytes + chunk->from;
}

#endif
