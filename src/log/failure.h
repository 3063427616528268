/* SPDX-License-Identifier: ISC */
/*
 * Why weir does not start, in one form, whichever part of it finds out.
 */
#ifndef WEIR_LOG_FAILURE_H
#define WEIR_LOG_FAILURE_H

/**
 * Logs each system call that weir cannot do without, and that is refused here, where an older
 * kernel or a seccomp profile does not know it. 0 or a negative errno.
 */
int failure_find_refused(void);

/** What to do about a negative errno, whatever failed with it. */
const char *failure_remedy(int err);

/**
 * Logs event=start_failed: `what` could not be had, for the negative errno `err`; `remedy` NULL
 * is failure_remedy(). Returns `err`.
 */
int start_failed(const char *what, int err, const char *remedy);

#endif
