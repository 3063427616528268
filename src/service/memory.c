/* SPDX-License-Identifier: ISC */
#include "service/memory.h"

#include <malloc.h>

/** So much less in use is worth a walk through the heap: about half a megabyte either way. */
enum {
	WORTH_PAIRS = 512,
	WORTH_BYTES = 512 * 1024,
};

void memory_look(struct memory *memory, uint64_t n_pairs, uint64_t waiting_bytes)
{
	if (n_pairs > memory->peak_pairs) {
		memory->peak_pairs = n_pairs;
	}
	if (waiting_bytes > memory->peak_waiting) {
		memory->peak_waiting = waiting_bytes;
	}
	if (memory->peak_pairs - n_pairs >= WORTH_PAIRS ||
		memory->peak_waiting - waiting_bytes >= WORTH_BYTES) {
		(void)malloc_trim(0);
		memory->peak_pairs = n_pairs;
		memory->peak_waiting = waiting_bytes;
	}
}
