/* SPDX-License-Identifier: ISC */
/* Asks the kernel's routing table about an address. */
#ifndef WEIR_BASE_ROUTE_H
#define WEIR_BASE_ROUTE_H

#include <sys/socket.h>

/**
 * Whether packets to this IPv4 or IPv6 address stay on this machine: 1 or 0, or a negative errno if
 * the kernel does not say (rtnetlink(7)). Each call asks the kernel again: four system calls.
 */
int route_is_local(const struct sockaddr *sa);

#endif
