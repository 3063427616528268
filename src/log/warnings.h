/* SPDX-License-Identifier: ISC */
/*
 * Counts warnings and errors by event, whatever the level of the log and whether or not anybody
 * reads it. log_begin() counts them. The events are known in advance, so that each one has a count
 * of 0 before it happens.
 */
#ifndef WEIR_LOG_WARNINGS_H
#define WEIR_LOG_WARNINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Counts a line of level warn or error. Events that are counted elsewhere are ignored. Any thread.
 */
void warnings_count(const char *event);

/** The event at this index and its count; false: there are no more. Any thread. */
bool warnings_get(size_t index, const char **ret_event, uint64_t *ret_n);

#endif
