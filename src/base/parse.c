/* SPDX-License-Identifier: ISC */
#include "base/parse.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digits.h"

enum { FRACTION_DIGITS = 9 };

#define NS_PER_M     (UINT64_C(60) * NS_PER_S)
#define NS_PER_H     (60 * NS_PER_M)
#define NS_PER_D     (24 * NS_PER_H)
#define DURATION_MAX (10000 * NS_PER_D)

struct unit {
	const char *name;
	uint64_t ns;
};

/* The largest first, in the order in which format_duration() tries them. */
static const struct unit duration_units[] = {
	{"d", NS_PER_D},
	{"h", NS_PER_H},
	{"m", NS_PER_M},
	{"s", NS_PER_S},
	{"ms", NS_PER_MS},
	{"us", NS_PER_US},
};

enum { N_DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0]) };

/* We use is_digit() and not <ctype.h>, since digits must not depend on a locale. */
/* Reads the digits after a point as billionths; false if there are none, or more than nine. */
static bool read_fraction(const char **pos, uint64_t *ret_billionths)
{
	uint64_t billionths = 0;
	size_t n = 0;

	for (; is_digit(**pos); (*pos)++, n++) {
		if (n < FRACTION_DIGITS) {
			billionths = billionths * 10 + (uint64_t)(**pos - '0');
		}
	}
	if (n == 0 || n > FRACTION_DIGITS) {
		return false;
	}
	for (; n < FRACTION_DIGITS; n++) {
		billionths *= 10;
	}
	*ret_billionths = billionths;
	return true;
}

static const struct unit *find_unit(const char *name)
{
	for (size_t i = 0; i < N_DURATION_UNITS; i++) {
		if (strcmp(duration_units[i].name, name) == 0) {
			return &duration_units[i];
		}
	}
	return NULL;
}

/* Why "1.5x" is no duration, judged by the text where the unit should be. */
static const char *unit_complaint(const char *rest)
{
	if (*rest == '\0') {
		return "a duration needs a unit; "
		       "write us, ms, s, m, h or d after the number, like \"30s\"";
	}
	if (strpbrk(rest, "0123456789") != NULL) {
		return "a duration is one number with one unit; "
		       "write \"90m\" or \"1.5h\" instead of \"1h30m\"";
	}
	return "the unit of a duration is unknown; "
	       "write us, ms, s, m, h or d right after the number, like \"30s\"";
}

/* Rounds a fraction of a nanosecond up: nothing may be early. False above DURATION_MAX. */
static bool scale(uint64_t whole, uint64_t billionths, uint64_t unit_ns, uint64_t *ret_ns)
{
	unsigned __int128 part = (unsigned __int128)billionths * unit_ns;
	uint64_t ns;

	if (whole > DURATION_MAX / unit_ns) {
		return false;
	}
	ns = whole * unit_ns + (uint64_t)((part + NS_PER_S - 1) / NS_PER_S);
	if (ns > DURATION_MAX) {
		return false;
	}
	*ret_ns = ns;
	return true;
}

int parse_time(const char *text, uint64_t *ret_ns, const char **ret_why)
{
	const char *pos = text;
	const struct unit *unit;
	uint64_t whole = 0;
	uint64_t billionths = 0;
	bool fits;

	assert(text != NULL && ret_ns != NULL && ret_why != NULL);
	if (*text == '-') {
		*ret_why = "a duration cannot be negative; write it without '-'";
		return -EINVAL;
	}
	if (!is_digit(*text)) {
		*ret_why = "a duration begins with a digit; "
			   "write a number and a unit, like \"30s\" or \"0.5s\"";
		return -EINVAL;
	}
	fits = read_digits(&pos, DURATION_MAX, &whole);
	if (*pos == '.') {
		pos++;
		if (!read_fraction(&pos, &billionths)) {
			*ret_why = "a decimal point needs one to nine digits after it; "
				   "write \"0.5s\"";
			return -EINVAL;
		}
	}
	unit = find_unit(pos);
	if (unit == NULL) {
		*ret_why = unit_complaint(pos);
		return -EINVAL;
	}
	if (!fits || !scale(whole, billionths, unit->ns, ret_ns)) {
		*ret_why = "a duration is at most 10000d; write a shorter one";
		return -ERANGE;
	}
	return 0;
}

int parse_duration(const char *text, uint64_t *ret_ns, const char **ret_why)
{
	int r;

	if (strcmp(text, "none") == 0) {
		*ret_ns = NS_NEVER;
		return 0;
	}
	r = parse_time(text, ret_ns, ret_why);
	if (r == -ERANGE) {
		*ret_why = "a duration is at most 10000d; write \"none\" if it never ends";
	} else if (r < 0 && *text == '-') {
		*ret_why = "a duration cannot be negative; write \"none\" to switch it off";
	} else if (r < 0 && !is_digit(*text)) {
		*ret_why = "a duration begins with a digit; "
			   "write a number and a unit, like \"30s\" or \"0.5s\", or \"none\"";
	}
	return r;
}

/* The power of two of a size's unit; -1 if it is no unit. */
static int size_shift(const char *unit)
{
	static const char units[] = "kMG";
	const char *found;

	if (*unit == '\0') {
		return 0;
	}
	found = strchr(units, *unit);
	return found != NULL && unit[1] == '\0' ? 10 * (int)(found - units + 1) : -1;
}

int parse_size(const char *text, uint64_t *ret_bytes, const char **ret_why)
{
	const char *pos = text;
	uint64_t number = 0;
	int shift;
	bool fits;

	assert(text != NULL && ret_bytes != NULL && ret_why != NULL);
	if (*text == '-') {
		*ret_why = "a size cannot be negative; write \"64k\"";
		return -EINVAL;
	}
	if (!is_digit(*text)) {
		*ret_why = "a size begins with a digit; write \"4096\", \"64k\" or \"1M\"";
		return -EINVAL;
	}
	fits = read_digits(&pos, UINT64_MAX, &number);
	if (*pos == '.') {
		*ret_why = "a size has no decimals; "
			   "write it in the next smaller unit, like \"1536k\"";
		return -EINVAL;
	}
	shift = size_shift(pos);
	if (shift < 0) {
		*ret_why = "the unit of a size is unknown; "
			   "write k, M or G (powers of 1024) right after the number, like \"64k\"";
		return -EINVAL;
	}
	if (!fits || number > UINT64_MAX >> shift) {
		*ret_why = "the size does not fit 64 bits; write a smaller one";
		return -ERANGE;
	}
	*ret_bytes = number << shift;
	return 0;
}

const char *format_duration(uint64_t ns, char text[DURATION_TEXT_MAX])
{
	uint64_t us = ns / NS_PER_US;
	int n = 0;

	if (ns == NS_NEVER) {
		n = snprintf(text, DURATION_TEXT_MAX, "none");
	} else if (ns == 0) {
		n = snprintf(text, DURATION_TEXT_MAX, "0s");
	} else if (ns % NS_PER_US != 0) {
		/* No unit is exact: microseconds, with as many decimals as are needed. */
		n = snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 ".%03u", us,
			(unsigned int)(ns % NS_PER_US));
		while (text[n - 1] == '0') {
			n--;
		}
		n += snprintf(text + n, (size_t)(DURATION_TEXT_MAX - n), "us");
	} else {
		const struct unit *unit = duration_units;

		while (ns % unit->ns != 0) {
			unit++;
		}
		n = snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "%s", ns / unit->ns, unit->name);
	}
	assert(n > 0 && n < DURATION_TEXT_MAX);
	(void)n;
	return text;
}
