/* SPDX-License-Identifier: ISC */
/*
 * Time spans as systemd's tools take them (systemd.time(7)): "5min 20s", "1.5h", "30". For command
 * lines that are to be compatible with theirs; weir's own durations are in parse.h.
 */
#ifndef WEIR_BASE_TIMESPAN_H
#define WEIR_BASE_TIMESPAN_H

#include <stdint.h>

/**
 * The sum of numbers, each with a unit or in seconds; parts of a microsecond are cut off.
 * "infinity", and what 64 bits of nanoseconds do not hold, is NS_NEVER. -EINVAL or -ERANGE and
 * *ret_why (constant text: what is wrong and what to write instead) otherwise; *ret_ns is then
 * untouched.
 */
int parse_timespan(const char *text, uint64_t *ret_ns, const char **ret_why);

#endif
