/* SPDX-License-Identifier: ISC */
/*
 * Why weir does not start, in one form whoever finds out.
 */
#ifndef WEIR_SERVICE_FAILURE_H
#define WEIR_SERVICE_FAILURE_H

/**
 * Logs event=start_failed: `what` could not be had, for the negative errno `err`; `remedy` may be
 * NULL. Returns `err`.
 */
int start_failed(const char *what, int err, const char *remedy);

#endif
