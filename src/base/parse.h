/* SPDX-License-Identifier: ISC */
/*
 * Numbers as people write them: durations ("1.5h") and sizes ("64k").
 *
 * Input is hostile until it has passed here: every character is looked at, nothing wraps. On
 * failure the functions return -EINVAL or -ERANGE, leave *ret_x alone, and set *ret_why to a
 * constant text that says what is wrong and what to write instead, fit for the end of an error
 * line.
 */
#ifndef WEIR_BASE_PARSE_H
#define WEIR_BASE_PARSE_H

#include <stdint.h>

/**
 * A duration with one unit of us, ms, s, m, h, d; decimals allowed ("0.5s"), at most nine digits
 * after the point; "none" gives NS_NEVER. A bare number, a negative one, a second unit ("1h30m"),
 * and anything above 10000d are refused. "0s" is 0: whether that makes sense is the caller's to
 * say.
 */
int parse_duration(const char *text, uint64_t *ret_ns, const char **ret_why);

/** The same of what is never switched off: "none" is refused, and no error tells to write it. */
int parse_time(const char *text, uint64_t *ret_ns, const char **ret_why);

/** A size in bytes: digits with an optional k, M or G (powers of 1024); no decimals, no sign. */
int parse_size(const char *text, uint64_t *ret_bytes, const char **ret_why);

enum { DURATION_TEXT_MAX = 32 };

/** Writes `ns` in its largest exact unit ("10m", "1500ms", "none"), as parse_duration() reads it.
 */
const char *format_duration(uint64_t ns, char text[DURATION_TEXT_MAX]);

#endif
