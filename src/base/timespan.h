/* SPDX-License-Identifier: ISC */
/*
 * Time spans as systemd's tools accept them (systemd.time(7)): "5min 20s", "1.5h", "30". For
 * command lines that are compatible with those tools. For weir's own durations see parse.h.
 */
#ifndef WEIR_BASE_TIMESPAN_H
#define WEIR_BASE_TIMESPAN_H

#include <stdint.h>

/**
 * Reads a sum of numbers, each with a unit, or in seconds if it has none. Fractions of a
 * microsecond are cut off. "infinity" gives NS_NEVER, and so does a span that fits in 64 bits of
 * microseconds, but not in 64 bits of nanoseconds. 0; -ERANGE: a number is greater than INT64_MAX,
 * or the span does not fit in 64 bits of microseconds; or -EINVAL. After an error *ret_why is a
 * constant text (what is wrong and what to write instead), and *ret_ns is untouched.
 */
int parse_timespan(const char *text, uint64_t *ret_ns, const char **ret_why);

#endif
