/* SPDX-License-Identifier: ISC */
#include "base/timespan.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/digits.h"

#define BLANKS   " \t\n\r"

#define US_PER_S UINT64_C(1000000)
#define US_PER_M (60 * US_PER_S)
#define US_PER_H (60 * US_PER_M)
#define US_PER_D (24 * US_PER_H)
#define US_PER_Y (36525 * US_PER_D / 100)

static const struct unit {
	const char *name;
	uint64_t us;
} units[] = {
	{"usec", 1},
	{"us", 1},
	{"\xc2\xb5s", 1}, /* micro sign */
	{"\xce\xbcs", 1}, /* Greek mu */
	{"msec", 1000},
	{"ms", 1000},
	{"seconds", US_PER_S},
	{"second", US_PER_S},
	{"sec", US_PER_S},
	{"s", US_PER_S},
	{"minutes", US_PER_M},
	{"minute", US_PER_M},
	{"min", US_PER_M},
	{"m", US_PER_M},
	{"hours", US_PER_H},
	{"hour", US_PER_H},
	{"hr", US_PER_H},
	{"h", US_PER_H},
	{"days", US_PER_D},
	{"day", US_PER_D},
	{"d", US_PER_D},
	{"weeks", 7 * US_PER_D},
	{"week", 7 * US_PER_D},
	{"w", 7 * US_PER_D},
	{"months", US_PER_Y / 12},
	{"month", US_PER_Y / 12},
	{"M", US_PER_Y / 12},
	{"years", US_PER_Y},
	{"year", US_PER_Y},
	{"y", US_PER_Y},
};

static const char not_a_span[] =
	"it is not a time span; write one like \"30\", \"5min 20s\" or \"infinity\"";
static const char too_long[] = "it is too long; write \"infinity\" for no end";

/** Reads the longest unit at *pos and moves *pos after it; seconds if there is none. */
static uint64_t read_unit(const char **pos)
{
	const struct unit *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (len > longest && strncmp(*pos, units[i].name, len) == 0) {
			found = &units[i];
			longest = len;
		}
	}
	*pos += longest;
	return found == NULL ? US_PER_S : found->us;
}

/** The digits after the point, as that fraction of `us`. */
static uint64_t read_fraction(const char *digits, size_t len, uint64_t us)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		us /= 10;
		sum += us * (uint64_t)(digits[i] - '0');
	}
	return sum;
}

/** Reads one number and its unit, and moves *pos after them. 0 or a negative errno. */
static int read_part(const char **pos, uint64_t *ret_us)
{
	const char *fraction = "";
	const char *behind;
	const char *start;
	size_t fraction_len = 0;
	uint64_t whole;
	uint64_t unit;
	uint64_t us;

	*pos += **pos == '+' && is_digit((*pos)[1]);
	start = *pos;
	/* systemd reads with strtoll(3). */
	if (!read_digits(pos, LLONG_MAX, &whole)) {
		return -ERANGE;
	}
	if (**pos == '.') {
		fraction = *pos + 1;
		fraction_len = strspn(fraction, "0123456789");
		*pos = fraction + fraction_len;
		if (fraction_len == 0) {
			return -EINVAL;
		}
	} else if (*pos == start) {
		return -EINVAL;
	}
	behind = *pos;
	*pos += strspn(*pos, BLANKS);
	unit = read_unit(pos);
	/* After a number there must be a blank, a unit or the end. */
	if (*pos == behind && *behind != '\0') {
		return -EINVAL;
	}
	if (__builtin_mul_overflow(whole, unit, &us) ||
		__builtin_add_overflow(us, read_fraction(fraction, fraction_len, unit), &us)) {
		return -ERANGE;
	}
	*ret_us = us;
	return 0;
}

int parse_timespan(const char *text, uint64_t *ret_ns, const char **ret_why)
{
	static const char infinity[] = "infinity";
	const char *pos = text + strspn(text, BLANKS);
	uint64_t sum_us = 0;
	uint64_t ns;
	int r = *pos == '\0' ? -EINVAL : 0;

	if (strncmp(pos, infinity, sizeof(infinity) - 1) == 0) {
		pos += sizeof(infinity) - 1;
		sum_us = UINT64_MAX;
		r = pos[strspn(pos, BLANKS)] == '\0' ? 0 : -EINVAL;
		pos = "";
	}
	while (r == 0 && *pos != '\0') {
		uint64_t us = 0;

		r = read_part(&pos, &us);
		pos += strspn(pos, BLANKS);
		if (r == 0 && __builtin_add_overflow(sum_us, us, &sum_us)) {
			r = -ERANGE;
		}
	}
	if (r < 0) {
		*ret_why = r == -ERANGE ? too_long : not_a_span;
		return r;
	}
	*ret_ns = __builtin_mul_overflow(sum_us, (uint64_t)NS_PER_US, &ns) ? NS_NEVER : ns;
	return 0;
}
