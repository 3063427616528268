/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets of the process: bound by the main thread, or inherited, all or none, before
 * any worker starts; then given to the workers one by one. UNIX paths that weir has bound stay
 * claimed until sockets_close(); inherited ones are never removed.
 */
#ifndef WEIR_SERVICE_SOCKETS_H
#define WEIR_SERVICE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "proxy/listener.h"
#include "service/inherited.h"

/** One listening socket and whose it is to be. */
struct bound_socket {
	struct listener_socket socket;
	size_t worker; /**< who accepts from it */
};

struct sockets {
	struct bound_socket *all;
	size_t n;
};

/** How many fds the sockets will take at most, with the lock files of UNIX ones, and with the
 * inherited ones themselves. */
size_t sockets_count(const struct conf *conf, size_t n_workers, const struct inherited *inherited);

/**
 * Binds every address of every listener, for each worker where that is possible, and copies the
 * inherited sockets that listeners ask for. An address that nobody passed is an error, and so is a
 * socket that no listener asks for. 0, or a negative errno, then everything is closed again and the
 * log says which listener, which address, which error.
 */
int sockets_open(struct sockets *sockets, const struct conf *conf, size_t n_workers,
	const struct inherited *inherited);

/** Closes what no acceptor took, and removes UNIX paths that are still ours. */
void sockets_close(struct sockets *sockets);

#endif
