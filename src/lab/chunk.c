/* SPDX-License-Identifier: ISC */
#include "lab/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t load_of(const struct chunk *chunk)
{
	return sizeof(*chunk) + chunk->n;
}

void chunks_init(struct chunks *chunks)
{
	list_init(&chunks->list);
	chunks->load = 0;
	chunks->n_bytes = 0;
}

void chunks_fini(struct chunks *chunks)
{
	while (!list_empty(&chunks->list)) {
		chunks_drop(chunks);
	}
}

struct chunk *chunk_new(enum chunk_kind kind, const void *bytes, size_t n, uint64_t offset)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + n);

	if (chunk == NULL) {
		return NULL;
	}
	*chunk = (struct chunk){.kind = kind, .n = (uint32_t)n, .offset = offset};
	list_init(&chunk->link);
	if (n > 0) {
		memcpy(chunk->bytes, bytes, n);
	}
	return chunk;
}

void chunks_append(struct chunks *chunks, struct chunk *chunk)
{
	list_append(&chunks->list, &chunk->link);
	chunks->load += load_of(chunk);
	chunks->n_bytes += chunk->n;
}

struct chunk *chunks_head(const struct chunks *chunks)
{
	return list_empty(&chunks->list) ? NULL
					 : container_of(chunks->list.next, struct chunk, link);
}

struct chunk *chunks_take(struct chunks *chunks)
{
	struct chunk *chunk = chunks_head(chunks);

	chunks->load -= load_of(chunk);
	chunks->n_bytes -= chunk->n;
	list_remove(&chunk->link);
	return chunk;
}

struct chunk *chunks_cut(struct chunks *chunks, size_t n)
{
	struct chunk *whole = chunks_head(chunks);
	struct chunk *part = chunk_new(CHUNK_BYTES, chunk_bytes(whole), n, whole->offset);

	assert(n < whole->n);
	if (part == NULL) {
		return NULL;
	}
	part->at_ns = whole->at_ns;
	whole->from += (uint32_t)n;
	whole->n -= (uint32_t)n;
	whole->offset += n;
	chunks->load -= n;
	chunks->n_bytes -= n;
	return part;
}

void chunks_drop(struct chunks *chunks)
{
	free(chunks_take(chunks));
}
