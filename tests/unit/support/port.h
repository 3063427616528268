/* SPDX-License-Identifier: ISC */
/*
 * Reserves a port for a test that binds it, closes the socket and binds it again, or lets another
 * process bind it.
 */
#ifndef WEIR_TESTS_PORT_H
#define WEIR_TESTS_PORT_H

#include "base/addr.h"

/**
 * Lets the kernel pick a port for *addr, which has none, and reserves it until the returned fd is
 * closed. The fd is bound to the port at all addresses: no other socket has it at any of them,
 * and the kernel does not pick it for other sockets. A socket that binds this port with
 * SO_REUSEADDR, as listen_open() does, succeeds.
 */
int port_reserve(struct addr *addr);

#endif
