/* SPDX-License-Identifier: ISC */
/* Logs why weir does not start, or does not do as told, in one form for all of the program. */
#ifndef WEIR_LOG_FAILURE_H
#define WEIR_LOG_FAILURE_H

#include "log/level.h"

/**
 * Tries some of the system calls that weir needs. Logs each one that is refused here, because the
 * kernel is too old or a seccomp profile does not allow it. 0 or a negative errno.
 */
int failure_find_refused(void);

/** What to do about a negative errno, whatever operation failed with it. */
const char *failure_remedy(int err);

/**
 * Logs event=start_failed: `what` failed with the negative errno `err`. `remedy` NULL means
 * failure_remedy(err). Returns `err`.
 */
int start_failed(const char *what, int err, const char *remedy);

/** Logs `event` for each line of the text, which is its `error`. Empty lines are left out. */
void failure_log_lines(enum log_level level, const char *event, const char *text);

#endif
