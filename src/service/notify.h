/* SPDX-License-Identifier: ISC */
/*
 * What systemd is told: sd_notify(3). Without $NOTIFY_SOCKET nothing happens. A datagram that
 * cannot be sent is not worth a stop: systemd's own timers judge then.
 */
#ifndef WEIR_SERVICE_NOTIFY_H
#define WEIR_SERVICE_NOTIFY_H

/** READY=1: every listener is bound and accepting. */
void notify_ready(void);

/** STOPPING=1. */
void notify_stopping(void);

/** STATUS=text, shown by systemctl status. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *format, ...);

#endif
