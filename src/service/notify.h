/* SPDX-License-Identifier: ISC */
/*
 * Sends notifications to systemd, like sd_notify(3), but without blocking. sd_notify(3) waits until
 * there is room if systemd does not read the socket, and that would stop the main thread, and with
 * it reloads, signals and the watchdog. So here a datagram is sent at once or not at all. A state
 * that could not be sent is kept for notify_retry() until a later one replaces it. Only READY=1
 * does not replace RELOADING=1: both are sent. Other notifications are repeated by their callers.
 * Without $NOTIFY_SOCKET nothing is sent.
 *
 * Only the main thread may call these functions, because the unsent state is one global variable.
 */
#ifndef WEIR_SERVICE_NOTIFY_H
#define WEIR_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

enum { NOTIFY_STATUS_MAX = 1024 }; /**< a longer text is cut off */

/** READY=1: weir has started, or a reload is over, even if it failed. */
void notify_ready(void);

/** RELOADING=1, with the time (MONOTONIC_USEC=); notify_ready() must follow. */
void notify_reloading(void);

/** STOPPING=1. */
void notify_stopping(void);

/** Call it once a second: sends what is kept of the three states above, RELOADING=1 first. */
void notify_retry(void);

/** EXTEND_TIMEOUT_USEC=: from now on systemd waits for at least this long. */
void notify_extend(uint64_t us);

/**
 * Whether systemd expects WATCHDOG=1 in each interval. 1: yes, *ret_us is the interval; 0: no;
 * a negative errno: the variables in the environment are invalid.
 */
int notify_watchdog_wanted(uint64_t *ret_us);

/** WATCHDOG=1. */
void notify_watchdog(void);

/** STATUS=text, which systemctl status shows. False: it could not be sent now. */
bool notify_status(const char *text);

#endif
