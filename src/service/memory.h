/* SPDX-License-Identifier: ISC */
/*
 * Gives memory back to the system after a burst of pairs. The C library keeps freed memory that
 * lies between blocks in use. So once a second the main thread looks whether much less is in use
 * than before, or whether a config was freed. It gives nothing back while the number of pairs, or
 * that of bytes in queues, still falls fast: giving memory back then would delay the very timers
 * that end the pairs.
 *
 * By default the C library (glibc) would keep much of that memory even then; memory_prepare()
 * changes this. docs/decisions/0610 has the figures.
 */
#ifndef WEIR_SERVICE_MEMORY_H
#define WEIR_SERVICE_MEMORY_H

#include <stdint.h>

/**
 * Call it once, before the first thread starts.
 *
 * malloc_trim(3) gives back the free memory between blocks in use, in the heaps of all threads.
 * Only in the heap of the main thread does it also give back the free memory behind the last block
 * in use. In the heap of a worker, free(3) gives that memory back when it joins a freed block to
 * it. By default free(3) does not join small blocks to their free neighbours. So mallopt(3) sets
 * M_MXFAST to 0: then free(3) joins them.
 */
void memory_prepare(void);

/** The peaks since memory was last given back; zeroed at first. */
struct memory {
	uint64_t peak_pairs;
	uint64_t peak_queued;
	uint64_t last_pairs; /**< at the last look */
	uint64_t last_queued;
	unsigned looks_left; /**< looks until the memory of a config is given back; 0: none is */
};

/**
 * Call it when a config was freed, or the memory that was needed to read one; both may have been
 * large. Memory is given back not at the next look but at the one after it, because by then the
 * listeners that went with the config are freed too.
 */
void memory_config_went(struct memory *memory);

/** Call it once a second with what is in use now. Rarely blocks malloc() in all threads for a
 * moment. */
void memory_look(struct memory *memory, uint64_t n_pairs, uint64_t queued_bytes);

#endif
