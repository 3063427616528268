/* SPDX-License-Identifier: ISC */
/*
 * A histogram of durations after Gil Tene's HdrHistogram: fixed size, constant time, and every
 * value is told to 3 significant digits (to 1/1024 of itself; below 2048 exactly).
 *
 * The unit is the caller's; weir counts microseconds, which then reach to 38 hours. What is larger
 * is counted in the last slot, and still in the maximum.
 *
 * One thread records; any thread may read meanwhile and sees each number whole, though not all of
 * them of the same moment. A zeroed histogram is an empty one. It is 224 KiB large, of which only
 * the pages that values fall into are ever touched: take it from calloc() or mmap().
 */
#ifndef WEIR_BASE_HDR_H
#define WEIR_BASE_HDR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HDR_EXACT_BITS = 11, /**< below 2^11 each value has its own slot */
	HDR_VALUE_BITS = 37, /**< from 2^37 on all share the last one */
	HDR_SLOTS =
		((HDR_VALUE_BITS - HDR_EXACT_BITS) << (HDR_EXACT_BITS - 1)) + (1 << HDR_EXACT_BITS),
};

struct hdr {
	_Atomic uint64_t n;         /**< values recorded */
	_Atomic uint64_t below_min; /**< the complement of the smallest value, so that 0 is empty */
	_Atomic uint64_t max;       /**< the largest value, exactly */
	_Atomic uint64_t counts[HDR_SLOTS];
};

/** Counts one value. By the one thread that records. */
void hdr_record(struct hdr *hdr, uint64_t value);

/** Adds what `from` counted to `to`, which the calling thread records into. */
void hdr_merge(struct hdr *to, const struct hdr *from);

/** How many values were recorded; the smallest and the largest, exactly. 0 where there is none. */
uint64_t hdr_count(const struct hdr *hdr);
uint64_t hdr_min(const struct hdr *hdr);
uint64_t hdr_max(const struct hdr *hdr);

/**
 * The value that `percent` (0 to 100) of the recorded ones do not exceed: the upper end of its
 * slot, but never beyond the largest recorded. 0 of an empty histogram.
 */
uint64_t hdr_percentile(const struct hdr *hdr, double percent);

/** How many recorded values lie in `from` to `to`, both included, to the border of their slots. */
uint64_t hdr_count_between(const struct hdr *hdr, uint64_t from, uint64_t to);

/** A slot that is not empty. */
struct hdr_slot {
	uint64_t least; /**< the range of its values, but never beyond the ends of the recorded */
	uint64_t greatest;
	uint64_t n;
};

/** The next slot that is not empty, ascending; *index begins with 0. False: there is no more. */
bool hdr_next(const struct hdr *hdr, size_t *index, struct hdr_slot *ret);

#endif
