/* SPDX-License-Identifier: ISC */
#include "base/prefixes.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** An address of either family, which can be compared in one step. */
typedef unsigned __int128 number;

/*
 * The prefixes of one family, sorted and disjoint. Each level holds the first prefix of each block
 * of the level below. A look-up then reads one block on each level; the comparisons in a block do
 * not depend on each other, and the upper levels stay in the processor's caches.
 */
enum { BLOCK = 16, LEVELS = 16 };

struct tree {
	size_t n[LEVELS];
	number *list[LEVELS]; /**< 0: the prefixes; all in the memory of the set */
	uint8_t *bits;        /**< the length of each prefix */
	unsigned n_levels;    /**< 0: there are no prefixes */
	unsigned whole;       /**< bits of a whole address */
};

struct prefixes {
	struct tree v4;
	struct tree v6;
};

static number number_of(const struct prefix *prefix)
{
	uint64_t words[2];
	uint32_t word;

	if (!prefix->is_v6) {
		memcpy(&word, prefix->bytes, sizeof(word));
		return be32toh(word);
	}
	memcpy(words, prefix->bytes, sizeof(words));
	return (number)be64toh(words[0]) << 64 | be64toh(words[1]);
}

/* ---- making a set ---- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/**
 * Whether the list is sorted already. The child that checks the config sorts the prefixes of files
 * (conf/prefix_files.c), so that this thread need not.
 */
static bool is_sorted(const struct prefix *list, size_t n)
{
	size_t i = 1;

	while (i < n && compare(&list[i - 1], &list[i]) <= 0) {
		i++;
	}
	return i >= n;
}

/** Sorts, and drops prefixes that lie within another; returns how many are left. */
static size_t reduce(struct prefix *list, size_t n)
{
	size_t n_kept = 0;

	if (!is_sorted(list, n)) {
		qsort(list, n, sizeof(*list), compare);
	}
	/* A prefix that lies within another one comes after it, and between the two are only
	 * prefixes that also lie within the other one. So it is enough to compare with the last one
	 * that was kept. */
	for (size_t i = 0; i < n; i++) {
		if (n_kept == 0 || !prefix_is_within(&list[i], &list[n_kept - 1])) {
			list[n_kept++] = list[i];
		}
	}
	return n_kept;
}

/** Computes the sizes of the levels; returns how many numbers they have together. */
static size_t tree_measure(struct tree *tree, size_t n, unsigned whole)
{
	size_t sum = 0;

	tree->whole = whole;
	while (n > 0) {
		tree->n[tree->n_levels++] = n;
		sum += n;
		n = n <= BLOCK ? 0 : (n + BLOCK - 1) / BLOCK;
	}
	return sum;
}

/**
 * Fills the tree from sorted prefixes, in memory that is large enough; returns the end of what it
 * used.
 */
static number *tree_fill(struct tree *tree, const struct prefix *sorted, number *memory)
{
	for (unsigned level = 0; level < tree->n_levels; level++) {
		tree->list[level] = memory;
		for (size_t i = 0; i < tree->n[level]; i++) {
			memory[i] = level == 0 ? number_of(&sorted[i])
					       : tree->list[level - 1][i * BLOCK];
		}
		memory += tree->n[level];
	}
	return memory;
}

static void tree_fill_bits(struct tree *tree, const struct prefix *sorted, uint8_t *bits)
{
	tree->bits = bits;
	for (size_t i = 0; i < tree->n[0]; i++) {
		bits[i] = sorted[i].bits;
	}
}

/** Makes a set from sorted, disjoint prefixes. */
static struct prefixes *make(
	const struct prefix *v4, size_t n_v4, const struct prefix *v6, size_t n_v6)
{
	struct tree tree_v4 = {.n_levels = 0};
	struct tree tree_v6 = {.n_levels = 0};
	size_t n = tree_measure(&tree_v4, n_v4, PREFIX_V4_BITS) +
		   tree_measure(&tree_v6, n_v6, PREFIX_V6_BITS);
	size_t begin = (sizeof(struct prefixes) + sizeof(number) - 1) / sizeof(number);
	number *memory = malloc((begin + n) * sizeof(number) + n_v4 + n_v6);
	struct prefixes *set = (struct prefixes *)memory;

	if (set != NULL) {
		memory = tree_fill(&tree_v4, v4, memory + begin);
		memory = tree_fill(&tree_v6, v6, memory);
		tree_fill_bits(&tree_v4, v4, (uint8_t *)memory);
		tree_fill_bits(&tree_v6, v6, (uint8_t *)memory + n_v4);
		set->v4 = tree_v4;
		set->v6 = tree_v6;
	}
	return set;
}

struct prefixes *prefixes_new(const struct prefix *list, size_t n)
{
	struct prefix *sorted = malloc(n * sizeof(*list) + 1);
	struct prefixes *set;
	size_t n_v4 = 0;

	if (sorted == NULL) {
		return NULL;
	}
	if (n > 0) {
		memcpy(sorted, list, n * sizeof(*list));
		n = reduce(sorted, n);
	}
	while (n_v4 < n && !sorted[n_v4].is_v6) {
		n_v4++;
	}
	set = make(sorted, n_v4, sorted + n_v4, n - n_v4);
	free(sorted);
	return set;
}

struct prefixes *prefixes_free(struct prefixes *set)
{
	free(set);
	return NULL;
}

/* ---- look-up ---- */

/** How many numbers of the block that begins here are not greater than the address. */
static size_t count(const number *block, size_t n_left, number address)
{
	size_t n = n_left < BLOCK ? n_left : BLOCK;
	size_t n_before = 0;

	for (size_t i = 0; i < n; i++) {
		n_before += block[i] <= address;
	}
	return n_before;
}

static bool tree_has(const struct tree *tree, number address)
{
	size_t at = 0;
	unsigned n_rest;

	for (unsigned level = tree->n_levels; level-- > 0;) {
		size_t begin = at * BLOCK;
		size_t n = count(&tree->list[level][begin], tree->n[level] - begin, address);

		if (n == 0) {
			return false; /* it is below the first prefix */
		}
		at = begin + n - 1;
	}
	if (tree->n_levels == 0) {
		return false;
	}
	n_rest = tree->whole - tree->bits[at];
	return n_rest == PREFIX_V6_BITS || (address ^ tree->list[0][at]) >> n_rest == 0;
}

bool prefixes_has(const struct prefixes *set, const struct sockaddr *sa)
{
	struct prefix address;

	if (set == NULL || !prefix_of(sa, PREFIX_V4_BITS, PREFIX_V6_BITS, &address)) {
		return false;
	}
	return tree_has(address.is_v6 ? &set->v6 : &set->v4, number_of(&address));
}
