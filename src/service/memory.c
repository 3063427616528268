/* SPDX-License-Identifier: ISC */
#include "service/memory.h"

#include <malloc.h>
#include <stdbool.h>

enum {
	/* A decrease by this much is worth a walk through the heap: half a megabyte in both
	 * cases. */
	WORTH_PAIRS = 512,
	WORTH_BYTES = 512 * 1024,
	/* A burst is not over while the number falls by this much between two looks. */
	EBB_PAIRS = WORTH_PAIRS / 8,
	EBB_BYTES = WORTH_BYTES / 8,
};

void memory_prepare(void)
{
	/* It fails only for a wrong value. */
	(void)mallopt(M_MXFAST, 0);
}

static bool has_dropped(uint64_t from, uint64_t to, uint64_t by)
{
	return from > to && from - to >= by;
}

void memory_config_went(struct memory *memory)
{
	memory->looks_left = 2;
}

void memory_look(struct memory *memory, uint64_t n_pairs, uint64_t queued_bytes)
{
	bool ebbing = has_dropped(memory->last_pairs, n_pairs, EBB_PAIRS) ||
		      has_dropped(memory->last_queued, queued_bytes, EBB_BYTES);
	bool config_went;

	memory->last_pairs = n_pairs;
	memory->last_queued = queued_bytes;
	if (n_pairs > memory->peak_pairs) {
		memory->peak_pairs = n_pairs;
	}
	if (queued_bytes > memory->peak_queued) {
		memory->peak_queued = queued_bytes;
	}
	if (ebbing) {
		return;
	}
	config_went = memory->looks_left == 1;
	memory->looks_left -= memory->looks_left > 0;
	if (config_went || has_dropped(memory->peak_pairs, n_pairs, WORTH_PAIRS) ||
		has_dropped(memory->peak_queued, queued_bytes, WORTH_BYTES)) {
		(void)malloc_trim(0);
		memory->peak_pairs = n_pairs;
		memory->peak_queued = queued_bytes;
	}
}
