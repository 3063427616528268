/* SPDX-License-Identifier: ISC */
#include "conf/cover.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

/* An address as a number. */
typedef unsigned __int128 number;

/* A range of addresses of one family. */
struct range {
	bool is_v6;
	number first;
	number last;
};

struct cover {
	bool has_unix;
	size_t n;
	struct range ranges[]; /* sorted, with gaps between them */
};

#define LAST_V4 ((number)UINT32_MAX)
#define LAST_V6 (~(number)0)

static struct range range_of(const struct prefix *prefix)
{
	size_t n_bytes = prefix->is_v6 ? PREFIX_V6_BITS / 8 : PREFIX_V4_BITS / 8;
	number last = prefix->is_v6 ? LAST_V6 : LAST_V4;
	number first = 0;

	for (size_t i = 0; i < n_bytes; i++) {
		first = first << 8 | prefix->bytes[i];
	}
	/* Shifting by all bits of a number is undefined. */
	last = prefix->bits == PREFIX_V6_BITS ? 0 : last >> prefix->bits;
	return (struct range){.is_v6 = prefix->is_v6, .first = first, .last = first + last};
}

static int compare(const void *a, const void *b)
{
	const struct range *x = a;
	const struct range *y = b;

	if (x->is_v6 != y->is_v6) {
		return x->is_v6 ? 1 : -1;
	}
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Joins ranges that touch. */
static void join(struct cover *cover)
{
	size_t n = 0;

	for (size_t i = 0; i < cover->n; i++) {
		struct range *range = &cover->ranges[i];
		struct range *before = n == 0 ? NULL : &cover->ranges[n - 1];

		if (before != NULL && before->is_v6 == range->is_v6 &&
			(range->first <= before->last || range->first == before->last + 1)) {
			before->last = before->last > range->last ? before->last : range->last;
		} else {
			cover->ranges[n++] = *range;
		}
	}
	cover->n = n;
}

struct cover *cover_new(const struct conf_prefixes *list)
{
	bool is_all = list == NULL || list->any;
	size_t n = is_all ? 2 : list->n;
	struct cover *cover = malloc(sizeof(*cover) + n * sizeof(cover->ranges[0]));

	if (cover == NULL) {
		return NULL;
	}
	cover->has_unix = is_all || list->unix_peers;
	cover->n = n;
	if (is_all) {
		cover->ranges[0] = (struct range){.last = LAST_V4};
		cover->ranges[1] = (struct range){.is_v6 = true, .last = LAST_V6};
		return cover;
	}
	for (size_t i = 0; i < n; i++) {
		cover->ranges[i] = range_of(&list->prefixes[i]);
	}
	if (n > 0) {
		qsort(cover->ranges, n, sizeof(cover->ranges[0]), compare);
	}
	join(cover);
	return cover;
}

struct cover *cover_free(struct cover *cover)
{
	free(cover);
	return NULL;
}

bool cover_is_empty(const struct cover *cover)
{
	return cover->n == 0 && !cover->has_unix;
}

/* The range that contains an address, or NULL. */
static const struct range *find(const struct cover *cover, bool is_v6, number address)
{
	const struct range key = {.is_v6 = is_v6, .first = address};
	size_t low = 0;
	size_t high = cover->n;

	/* The last range that does not begin after the address. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&cover->ranges[middle], &key) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0 || cover->ranges[low - 1].is_v6 != is_v6 ||
		cover->ranges[low - 1].last < address) {
		return NULL;
	}
	return &cover->ranges[low - 1];
}

/* Whether the outer covers together contain a range. Goes from its beginning to its end; each step
 * goes to the end of the outer range that reaches farthest. */
static bool is_covered(
	const struct cover *const *outer, size_t n, const struct range *range, size_t *budget)
{
	number next = range->first;

	for (;;) {
		number last = next;
		bool found = false;

		if (*budget < n) {
			return false;
		}
		*budget -= n;
		for (size_t i = 0; i < n; i++) {
			const struct range *other = find(outer[i], range->is_v6, next);

			if (other != NULL && (!found || other->last > last)) {
				last = other->last;
				found = true;
			}
		}
		if (!found || last >= range->last) {
			return found;
		}
		next = last + 1;
	}
}

bool cover_all(
	const struct cover *const *outer, size_t n, const struct cover *inner, size_t *budget)
{
	bool has_unix = !inner->has_unix;

	for (size_t i = 0; i < n && !has_unix; i++) {
		has_unix = outer[i]->has_unix;
	}
	for (size_t i = 0; i < inner->n && has_unix; i++) {
		if (!is_covered(outer, n, &inner->ranges[i], budget)) {
			return false;
		}
	}
	return has_unix;
}
