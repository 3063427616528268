/* SPDX-License-Identifier: ISC */
/*
 * What systemd is told, as by sd_notify(3), which waits for room where nobody reads the socket: the
 * main thread would stand still, and with it reloads, signals and the watchdog. So a datagram is
 * sent or it is not. The state that could not be told is kept, the latest only, and told by
 * notify_retry(); all else is told again by whoever told it. Without $NOTIFY_SOCKET nothing
 * happens.
 *
 * Every function is the main thread's: there is one environment, and one state in it.
 */
#ifndef WEIR_SERVICE_NOTIFY_H
#define WEIR_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

enum { NOTIFY_STATUS_MAX = 1024 }; /**< what is longer is cut */

/** READY=1: every listener is bound and accepting. */
void notify_ready(void);

/** RELOADING=1, and since when (MONOTONIC_USEC=); notify_ready() ends it. */
void notify_reloading(void);

/** STOPPING=1. */
void notify_stopping(void);

/** Call it once a second: tells what of the three above could not be told yet. */
void notify_retry(void);

/** EXTEND_TIMEOUT_USEC=: systemd waits for so long at least, from now on. */
void notify_extend(uint64_t us);

/**
 * Whether systemd wants WATCHDOG=1 in each interval: 1, and the interval; 0: no; -EINVAL: what it
 * left in the environment makes no sense.
 */
int notify_watchdog_wanted(uint64_t *ret_us);

/** WATCHDOG=1. */
void notify_watchdog(void);

/** STATUS=text, shown by systemctl status; false: it could not be told now. */
bool notify_status(const char *text);

#endif
