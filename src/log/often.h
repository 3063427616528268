/* SPDX-License-Identifier: ISC */
/*
 * Lines that strangers can cause as often as they like: the first few a second are written, of the
 * others the log has the number, so that neither a server that is down nor a flood of clients fills
 * it.
 *
 * Whoever has such a line asks whether it is one of the first OFTEN_LINES, for all workers together
 * (often_count()). Once a second the main thread tells how many came after these ("event=..._more")
 * and begins anew. Where nothing happens this costs nothing but that look at one flag.
 *
 * A count belongs to whom the lines are about: a group of servers and its failures, a listener and
 * one reason of its refusals. What is still untold when that goes is told then.
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

/** All of one kind. */
struct often_list {
	const char *event;  /**< "failed_more" */
	const char *key;    /**< of the name: "upstream" */
	const char *counts; /**< key of the number: "pairs" */
	enum log_level level;
	pthread_mutex_t lock;
	struct list all; /* struct often::link */
	atomic_bool any; /**< one of the counts may not be 0 */
};

/** What one line is about. */
struct often {
	struct list link; /**< struct often_list::all */
	struct often_list *list;
	const char *name;   /**< borrowed */
	const char *reason; /**< borrowed; NULL: whatever it is */
	_Atomic uint32_t n; /**< since the last look */
};

/** The texts are borrowed. */
void often_list_init(struct often_list *list, const char *event, const char *key,
	const char *counts, enum log_level level);

/** Any thread, like all that follows. */
void often_init(struct often *often, struct often_list *list, const char *name, const char *reason);

/** Tells what is untold. Fine on zeroed memory. */
void often_fini(struct often *often);

/** There is one more; whether it is to have its line. */
bool often_count(struct often *often);

/** Tells how many there were beyond those that have their line, and counts from 0. */
void often_tell(struct often_list *list);

#endif
