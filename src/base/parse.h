/* SPDX-License-Identifier: ISC */
/*
 * Reads numbers as people write them: durations ("1.5h") and sizes ("64k").
 *
 * The input may be hostile: every character is checked, and nothing overflows. On failure a
 * function returns -EINVAL or -ERANGE, leaves *ret_x alone, and sets *ret_why to a constant text
 * that says what is wrong and what to write instead; it fits at the end of an error line.
 */
#ifndef WEIR_BASE_PARSE_H
#define WEIR_BASE_PARSE_H

#include <stdint.h>

/**
 * A duration with one unit of us, ms, s, m, h, d. Decimals are allowed ("0.5s"), at most nine
 * digits after the point. "none" gives NS_NEVER. Refused: a number without a unit, a negative one,
 * a second unit ("1h30m"), and anything above 10000d. "0s" gives 0; the caller decides whether that
 * makes sense.
 */
int parse_duration(const char *text, uint64_t *ret_ns, const char **ret_why);

/**
 * As parse_duration(), for times that cannot be switched off: "none" is refused, and no error text
 * suggests it.
 */
int parse_time(const char *text, uint64_t *ret_ns, const char **ret_why);

/** A size in bytes: digits with an optional k, M or G (powers of 1024); no decimals, no sign. */
int parse_size(const char *text, uint64_t *ret_bytes, const char **ret_why);

enum { DURATION_TEXT_MAX = 32 };

/**
 * Writes `ns` in its largest exact unit ("10m", "1500ms", "none"), or with decimals if no unit is
 * exact ("1.5us"), so that parse_duration() reads it. Returns `text`.
 */
const char *format_duration(uint64_t ns, char text[DURATION_TEXT_MAX]);

#endif
