/* SPDX-License-Identifier: ISC */
/*
 * Shows the progress of a run on standard error. On a terminal it redraws one line; elsewhere it
 * writes nothing, or with --progress a line from time to time. Done by the main thread, from
 * numbers that the lanes share.
 */
#ifndef WEIR_LOAD_PROGRESS_H
#define WEIR_LOAD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct hdr;
struct run;

struct progress {
	const struct run *run;
	struct hdr *late; /**< malloc'd: the merged histograms of the lanes */
	bool on;
	bool in_place;     /**< redraws one line on a terminal */
	uint64_t every_ns; /**< time between two lines */
	uint64_t shown_ns;
};

void progress_init(struct progress *progress, const struct run *run);

/** Shows the progress if that is due; on a terminal five times a second. */
void progress_show(struct progress *progress);

/** Erases the line that was redrawn. */
void progress_fini(struct progress *progress);

#endif
