/* SPDX-License-Identifier: ISC */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

struct nearest nearest_begin(const char *name)
{
	size_t third = strnlen(name, NEAREST_CHARS) / 3;

	return (struct nearest){.name = name, .fewest = (third > 2 ? third : 2) + 1};
}

struct nearest nearest_begin_any(const char *name)
{
	return (struct nearest){.name = name, .fewest = SIZE_MAX};
}

void nearest_try(struct nearest *nearest, const char *known)
{
	size_t edits = known == NULL ? SIZE_MAX : nearest_edits(known, nearest->name);

	if (edits < nearest->fewest) {
		nearest->fewest = edits;
		nearest->known = known;
	}
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

/* The algorithm of Wagner and Fischer, one row of the table at a time. */
size_t nearest_edits(const char *a, const char *b)
{
	size_t row[NEAREST_CHARS + 1];
	size_t a_len = strnlen(a, NEAREST_CHARS);
	size_t b_len = strnlen(b, NEAREST_CHARS);

	for (size_t j = 0; j <= b_len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}
