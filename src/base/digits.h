/* SPDX-License-Identifier: ISC */
/* Reads the decimal digits of a text that may be hostile, in any locale. */
#ifndef WEIR_BASE_DIGITS_H
#define WEIR_BASE_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** Reads all digits at *pos, or none, and moves *pos after them. False, and *ret_number is left
 * alone, if the number exceeds `max`. No digits are the number 0. */
static inline bool read_digits(const char **pos, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;
	bool fits = true;

	for (; is_digit(**pos); (*pos)++) {
		uint64_t digit = (uint64_t)(**pos - '0');

		if (!fits || digit > max || number > (max - digit) / 10) {
			fits = false;
			continue;
		}
		number = number * 10 + digit;
	}
	if (fits) {
		*ret_number = number;
	}
	return fits;
}

#endif
