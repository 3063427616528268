/* SPDX-License-Identifier: ISC */
/*
 * The slots: 2048 of width 1, then 1024 of width 2, 1024 of width 4, and so on. A value's slot is
 * computed from its highest bit, without a search:
 *
 *	shift = bits(value) - 11	how many low bits are dropped; 0 for small values
 *	slot  = shift * 1024 + (value >> shift)
 *
 * If shift is not 0, value >> shift is in 1024 to 2047, so the ranges of successive shifts adjoin.
 * All accesses are relaxed: there is one writer, and readers need the numbers, not their order.
 */
#include "base/hdr.h"

enum { HALF_BITS = HDR_EXACT_BITS - 1 };

#define VALUE_MAX (((uint64_t)1 << HDR_VALUE_BITS) - 1)

static uint64_t load(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

static void store(_Atomic uint64_t *number, uint64_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

static size_t slot_of(uint64_t value)
{
	unsigned bits;
	unsigned shift;

	value = value < VALUE_MAX ? value : VALUE_MAX;
	bits = value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
	shift = bits > HDR_EXACT_BITS ? bits - HDR_EXACT_BITS : 0;
	return ((size_t)shift << HALF_BITS) + (size_t)(value >> shift);
}

/** The largest value that falls into a slot. */
static uint64_t slot_top(size_t slot)
{
	size_t shift = slot < (1 << HDR_EXACT_BITS) ? 0 : (slot >> HALF_BITS) - 1;

	return (((uint64_t)(slot - (shift << HALF_BITS)) + 1) << shift) - 1;
}

/** Extends the range of the recorded values, whose ends are kept exactly. */
static void widen(struct hdr *hdr, uint64_t min, uint64_t max)
{
	if (~min > load(&hdr->below_min)) {
		store(&hdr->below_min, ~min);
	}
	if (max > load(&hdr->max)) {
		store(&hdr->max, max);
	}
}

void hdr_record(struct hdr *hdr, uint64_t value)
{
	_Atomic uint64_t *count = &hdr->counts[slot_of(value)];

	store(count, load(count) + 1);
	widen(hdr, value, value);
	store(&hdr->n, load(&hdr->n) + 1);
}

void hdr_merge(struct hdr *to, const struct hdr *from)
{
	if (hdr_count(from) == 0) {
		return;
	}
	/* Slots outside were never touched, so their pages are not touched now. */
	for (size_t i = slot_of(hdr_min(from)), end = slot_of(hdr_max(from)); i <= end; i++) {
		uint64_t n = load(&from->counts[i]);

		if (n > 0) {
			store(&to->counts[i], load(&to->counts[i]) + n);
		}
	}
	widen(to, hdr_min(from), hdr_max(from));
	store(&to->n, load(&to->n) + hdr_count(from));
}

uint64_t hdr_count(const struct hdr *hdr)
{
	return load(&hdr->n);
}

uint64_t hdr_min(const struct hdr *hdr)
{
	return hdr_count(hdr) == 0 ? 0 : ~load(&hdr->below_min);
}

uint64_t hdr_max(const struct hdr *hdr)
{
	return load(&hdr->max);
}

uint64_t hdr_percentile(const struct hdr *hdr, double percent)
{
	double wanted = (double)hdr_count(hdr) * percent / 100;
	uint64_t max = hdr_max(hdr);
	uint64_t sum = 0;

	if (hdr_count(hdr) == 0) {
		return 0;
	}
	for (size_t i = slot_of(hdr_min(hdr)), end = slot_of(max); i < end; i++) {
		sum += load(&hdr->counts[i]);
		if (sum > 0 && (double)sum >= wanted) {
			return slot_top(i) < max ? slot_top(i) : max;
		}
	}
	return max;
}

uint64_t hdr_count_between(const struct hdr *hdr, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (size_t i = slot_of(from), end = slot_of(to); i <= end; i++) {
		sum += load(&hdr->counts[i]);
	}
	return sum;
}

bool hdr_next(const struct hdr *hdr, size_t *index, struct hdr_slot *ret)
{
	size_t end = hdr_count(hdr) == 0 ? 0 : slot_of(hdr_max(hdr)) + 1;

	for (; *index < end; ++*index) {
		size_t i = *index;
		uint64_t n = load(&hdr->counts[i]);

		if (n == 0) {
			continue;
		}
		*ret = (struct hdr_slot){i == 0 ? 0 : slot_top(i - 1) + 1, slot_top(i), n};
		ret->least = ret->least > hdr_min(hdr) ? ret->least : hdr_min(hdr);
		/* No value is above the maximum. It may be above slot_top() in the last slot of
		 * all, which also has all larger values. */
		if (i + 1 == end) {
			ret->greatest = hdr_max(hdr);
		}
		++*index;
		return true;
	}
	return false;
}
