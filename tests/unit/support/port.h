/* SPDX-License-Identifier: ISC */
/*
 * Ports that a test binds, lets go and binds again, or that somebody else is to bind for it: they
 * are the test's in between.
 */
#ifndef WEIR_TESTS_PORT_H
#define WEIR_TESTS_PORT_H

#include "base/addr.h"

/**
 * Lets the kernel pick a port for *addr, which has none, and keeps it: the fd is bound to it, so
 * nobody who asks for any port gets it, nor does connect(2). Who asks for this one with
 * SO_REUSEADDR, as listen_open() does, gets it. close() ends it.
 */
int port_reserve(struct addr *addr);

#endif
