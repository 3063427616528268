/* SPDX-License-Identifier: ISC */
/*
 * How often there was something to warn of, by event, whatever the level of the log is and whether
 * or not anybody reads it. Counted by log_begin(); the events are known beforehand, so that a
 * number is there before it grows.
 */
#ifndef WEIR_LOG_WARNINGS_H
#define WEIR_LOG_WARNINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One more line of level warn or error; an event that is counted elsewhere is not here. Any
 * thread. */
void warnings_count(const char *event);

/** The index-th event, and how often it was; false: that was the last one. Any thread. */
bool warnings_get(size_t index, const char **ret_event, uint64_t *ret_n);

#endif
