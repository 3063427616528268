/* SPDX-License-Identifier: ISC */
/*
 * Gives memory back to the system after a burst. The C library keeps what is freed between blocks
 * that are still in use; once a second somebody looks whether much less is in use than before, or
 * whether a config has gone.
 * While the burst still ebbs nothing is done: that would hold up the very timers which end it.
 */
#ifndef WEIR_SERVICE_MEMORY_H
#define WEIR_SERVICE_MEMORY_H

#include <stdint.h>

/** The highest marks since memory was last given back; zeroed at first. */
struct memory {
	uint64_t peak_pairs;
	uint64_t peak_waiting;
	uint64_t last_pairs; /**< at the last look */
	uint64_t last_waiting;
	unsigned looks_left; /**< until what a config has left is given back; 0: nothing is */
};

/**
 * A config was freed, or what reading one took; either may have been large. Not at the next look,
 * but at the one after it: by then the listeners that it took along are gone, too.
 */
void memory_config_went(struct memory *memory);

/** Call it once a second with what is in use now. Blocks malloc() of all threads for a moment,
 * rarely. */
void memory_look(struct memory *memory, uint64_t n_pairs, uint64_t waiting_bytes);

#endif
