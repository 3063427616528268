/* SPDX-License-Identifier: ISC */
/*
 * The names of all events: of the lines of the log, and of the events that only GET /v1/events has.
 * The callers of log_begin() write the name themselves; a test compares the sources with this
 * table. weir(8) and weir-http(7) describe the events.
 *
 * Warnings and errors are counted by event, whatever the level of the log and whether or not
 * anybody reads it. log_begin() counts them. The events are known in advance, so that each one has
 * a count of 0 before it happens.
 */
#ifndef WEIR_LOG_EVENTS_H
#define WEIR_LOG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Flags of an event, for struct log_event::traits. */
enum log_event_trait {
	LOG_EVENT_COUNTED = 1, /**< its lines of level warn and error are counted here */
	LOG_EVENT_DEBUG = 2,   /**< it occurs only while the level of the log is debug */
	LOG_EVENT_UNSEEN = 4,  /**< it occurs only while no door is open: nobody can follow it */
	LOG_EVENT_OWN = 8,     /**< only GET /v1/events has it; it is no line of the log */
};

struct log_event {
	const char *name;
	unsigned int traits;
};

/** The event at this index; NULL: there are no more. Constant. */
const struct log_event *log_event(size_t index);

/** The event with this name; NULL: there is none. */
const struct log_event *log_event_find(const char *name);

/** Counts a line of level warn or error. Events that are counted elsewhere are ignored. Any thread.
 */
void log_event_count(const char *name);

/** The count of an event that is counted here. Any thread. */
uint64_t log_event_counted(const struct log_event *event);

#endif
