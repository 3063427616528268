/* SPDX-License-Identifier: ISC */
/*
 * The line that tells how a run is getting on, redrawn in place on a terminal (standard error);
 * nothing where that is none. By the main thread, from numbers that the lanes share.
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
	uint64_t shown_ns;
};

void progress_init(struct progress *progress, const struct run *run);

/** Redraws the line, at most five times a second. */
void progress_show(struct progress *progress);

/** Wipes the line. */
void progress_fini(struct progress *progress);

#endif
