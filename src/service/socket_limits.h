/* SPDX-License-Identifier: ISC */
/* Socket options of which the kernel grants less than the config asks for. */
#ifndef WEIR_SERVICE_SOCKET_LIMITS_H
#define WEIR_SERVICE_SOCKET_LIMITS_H

struct conf;

/** Warns of each, once: which, how much is had, and which sysctl limits it. */
void socket_limits_warn(const struct conf *conf);

#endif
