/* SPDX-License-Identifier: ISC */
/*
 * A histogram of durations after Gil Tene's HdrHistogram: fixed size, constant time, and every
 * value is kept to 3 significant digits (to 1/1024 of itself; below 2048 exactly).
 *
 * The unit is the caller's; weir counts microseconds, so the range is 38 hours. Larger values are
 * counted in the last slot; the maximum is still exact.
 *
 * One thread records. Any thread may read at the same time: each number that it reads is whole, but
 * the numbers may be of different moments. A zeroed histogram is empty. It takes 224 KiB of address
 * space, but only the pages with recorded values are ever touched: allocate it with calloc() or
 * mmap().
 */
#ifndef WEIR_BASE_HDR_H
#define WEIR_BASE_HDR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HDR_EXACT_BITS = 11, /**< below 2^11 each value has its own slot */
	HDR_VALUE_BITS = 37, /**< all values from 2^37 on share the last slot */
	HDR_SLOTS =
		((HDR_VALUE_BITS - HDR_EXACT_BITS) << (HDR_EXACT_BITS - 1)) + (1 << HDR_EXACT_BITS),
};

struct hdr {
	_Atomic uint64_t n; /**< values recorded */
	/** The bitwise complement of the smallest value, so that 0 means none. */
	_Atomic uint64_t below_min;
	_Atomic uint64_t max; /**< the largest value, exactly */
	_Atomic uint64_t counts[HDR_SLOTS];
};

/** Counts one value. Only for the thread that records. */
void hdr_record(struct hdr *hdr, uint64_t value);

/** Adds the counts of `from` to `to`. Only for the thread that records into `to`. */
void hdr_merge(struct hdr *to, const struct hdr *from);

/** The number of recorded values, the smallest and the largest, exactly. 0 if there are none. */
uint64_t hdr_count(const struct hdr *hdr);
uint64_t hdr_min(const struct hdr *hdr);
uint64_t hdr_max(const struct hdr *hdr);

/**
 * The value that `percent` (0 to 100) of the recorded values do not exceed: the upper end of its
 * slot, but at most the largest recorded value. 0 for an empty histogram.
 */
uint64_t hdr_percentile(const struct hdr *hdr, double percent);

/**
 * How many recorded values are from `from` to `to`, both included. Slots that are only partly in
 * this range count as a whole.
 */
uint64_t hdr_count_between(const struct hdr *hdr, uint64_t from, uint64_t to);

/** A slot that is not empty. */
struct hdr_slot {
	uint64_t least; /**< its range of values, cut at the smallest and largest recorded value */
	uint64_t greatest;
	uint64_t n;
};

/**
 * The next slot that is not empty, in ascending order. *index must be 0 at first. False: no more.
 */
bool hdr_next(const struct hdr *hdr, size_t *index, struct hdr_slot *ret);

#endif
