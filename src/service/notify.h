/* SPDX-License-Identifier: ISC */
/*
 * What systemd is told: sd_notify(3). Without $NOTIFY_SOCKET nothing happens. A datagram that
 * cannot be sent is not worth a stop: systemd's own timers judge then.
 */
#ifndef WEIR_SERVICE_NOTIFY_H
#define WEIR_SERVICE_NOTIFY_H

#include <stdint.h>

/** READY=1: every listener is bound and accepting. */
void notify_ready(void);

/** RELOADING=1, and since when (MONOTONIC_USEC=); notify_ready() ends it. */
void notify_reloading(void);

/** STOPPING=1. */
void notify_stopping(void);

/** EXTEND_TIMEOUT_USEC=: systemd waits for so long at least, from now on. */
void notify_extend(uint64_t us);

/**
 * Whether systemd wants WATCHDOG=1 in each interval: 1, and the interval; 0: no; -EINVAL: what it
 * left in the environment makes no sense.
 */
int notify_watchdog_wanted(uint64_t *ret_us);

/** WATCHDOG=1. */
void notify_watchdog(void);

/** STATUS=text, shown by systemctl status. */
void notify_status(const char *text);

#endif
