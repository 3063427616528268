/* SPDX-License-Identifier: ISC */
/*
 * How a run is getting on, on standard error: a line that is redrawn in place on a terminal; where
 * that is none, nothing, or with --progress a line every so often. By the main thread, from numbers
 * that the lanes share.
 */
#ifndef WEIR_LOAD_PROGRESS_H
#define WEIR_LOAD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct hdr;
struct run;

struct progress {
	const struct run *run;
	struct hdr *late; /**< heap: the lanes' merged */
	bool on;
	bool in_place;     /**< on a terminal */
	uint64_t every_ns; /**< between two lines */
	uint64_t shown_ns;
};

void progress_init(struct progress *progress, const struct run *run);

/** Shows it if it is time: in place five times a second. */
void progress_show(struct progress *progress);

/** Wipes the line that was redrawn. */
void progress_fini(struct progress *progress);

#endif
