/* SPDX-License-Identifier: ISC */
/*
 * Limits lines that strangers can cause as often as they like. Only the first few in each second
 * are written; the others are counted, and the count is logged. So neither a server that is down
 * nor a flood of clients fills the log.
 *
 * Before such a line, often_count() tells whether it is one of the first OFTEN_LINES of the second,
 * for all workers together. Once a second the main thread logs how many more there were
 * ("event=..._more") and starts again from 0. While nothing happens, this costs only the check of
 * one flag.
 *
 * A count belongs to what the lines are about: the failures of a group of servers, or one reason
 * for refusals of a listener. If that object goes, a count that was not logged yet is logged then.
 */
#ifndef WEIR_LOG_OFTEN_H
#define WEIR_LOG_OFTEN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "log/level.h"

enum { OFTEN_LINES = 5 };

/** All counts of one kind. */
struct often_list {
	const char *event;  /**< "failed_more" */
	const char *key;    /**< the key of `name`: "upstream" */
	const char *counts; /**< the key of the count: "pairs" */
	enum log_level level;
	pthread_mutex_t lock;
	struct list all; /* struct often::link */
	atomic_bool any; /**< something was counted since the last often_tell() */
};

/** The count of one object. */
struct often {
	struct list link; /**< struct often_list::all */
	struct often_list *list;
	const char *name;   /**< borrowed */
	const char *reason; /**< borrowed; NULL: no reason */
	_Atomic uint32_t n; /**< since the last second */
};

/** All texts are borrowed. */
void often_list_init(struct often_list *list, const char *event, const char *key,
	const char *counts, enum log_level level);

/** Any thread, as for all functions below. */
void often_init(struct often *often, struct often_list *list, const char *name, const char *reason);

/** Logs a count that was not logged yet. Fine on zeroed memory. */
void often_fini(struct often *often);

/** Counts one; returns whether its line is to be written. */
bool often_count(struct often *often);

/** Logs how many there were beyond those that were written, and starts again from 0. */
void often_tell(struct often_list *list);

#endif
