/* SPDX-License-Identifier: ISC */
/* Warnings about socket options for which the kernel grants less than the config asks for. */
#ifndef WEIR_SERVICE_SOCKET_LIMITS_H
#define WEIR_SERVICE_SOCKET_LIMITS_H

struct conf;

/** Logs a warning for each such option of each listener and upstream: its name, the value that the
 * kernel grants, and the sysctl that limits it; or, for Multipath TCP, why there is none. */
void socket_limits_warn(const struct conf *conf);

#endif
