/* SPDX-License-Identifier: ISC */
/*
 * Opens the sockets that weirload listens on. An error names the option, and some remedies of the
 * stream library are replaced, because they are for a listener in weir.conf.
 */
#ifndef WEIR_LOAD_LISTENING_H
#define WEIR_LOAD_LISTENING_H

#include <sys/types.h>

struct addr;
struct listen_socket;

/**
 * Listens on `addr`; a UNIX socket gets `mode`. 0, or a negative errno and `ret_why`, of
 * OPTIONS_WHY_MAX: "--serve 127.0.0.1:80: Address already in use; ...".
 */
int listening_open(const char *option, const struct addr *addr, mode_t mode,
	struct listen_socket *ret_socket, char *ret_why);

#endif
