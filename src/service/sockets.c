/* SPDX-License-Identifier: ISC */
#include "service/sockets.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

/** A UNIX socket, its lock file, and the path held open so that its inode stays its own. */
enum { FDS_UNIX = 3 };

size_t sockets_count(const struct conf *conf, size_t n_workers)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; k < listener->n_addresses; k++) {
			bool doubles = listen_can_double(&listener->addresses[k]);

			n += doubles ? n_workers : FDS_UNIX;
		}
	}
	return n;
}

static void log_failure(
	const struct conf_listener *listener, const struct addr *addr, int err, const char *remedy)
{
	char text[ADDR_TEXT_MAX];
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "listen_failed")) {
		log_str(&line, "listener", listener->name);
		log_str(&line, "address", addr_text(addr, text));
		log_errno(&line, err);
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
}

/** A remedy for what listen_open() has none for. */
static const char *remedy_for(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another process listens there: stop it, or write another address";
	case -EACCES:
		return "ports below 1024 need CAP_NET_BIND_SERVICE; paths need a writable folder";
	case -EADDRNOTAVAIL:
		return "no interface of this machine has it: write one that `ip address` shows";
	case -ENOENT:
		return "the folder of the socket does not exist: make it first";
	default:
		return NULL;
	}
}

static void log_listening(const struct conf_listener *listener, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "listening")) {
		log_str(&line, "listener", listener->name);
		log_str(&line, "address", addr_text(addr, text));
		log_end(&line);
	}
}

/** Binds one address, for all workers. */
static int sockets_bind(struct sockets *sockets, const struct conf_listener *listener, size_t index,
	const struct addr *addr, size_t n_workers)
{
	bool doubles = listen_can_double(addr);
	struct bound_socket *first = &sockets->all[sockets->n];
	const char *remedy = NULL;
	int r = listen_open(addr, listener->mode, &first->socket, &remedy);

	if (r < 0) {
		log_failure(listener, addr, r, remedy != NULL ? remedy : remedy_for(r));
		return r;
	}
	first->listener = index;
	first->is_unix = addr->kind == ADDR_UNIX;
	first->hand_over = !doubles && n_workers > 1;
	first->worker = doubles ? 0 : sockets->n % n_workers;
	sockets->n++;
	for (size_t i = 1; doubles && i < n_workers; i++) {
		struct bound_socket *more = &sockets->all[sockets->n];

		r = listen_open_more(&first->socket, &more->socket);
		if (r < 0) {
			log_failure(listener, addr, r, remedy_for(r));
			return r;
		}
		more->listener = index;
		more->worker = i;
		sockets->n++;
	}
	log_listening(listener, addr);
	return 0;
}

int sockets_open(struct sockets *sockets, const struct conf *conf, size_t n_workers)
{
	int r = 0;

	sockets->n = 0;
	sockets->all = calloc(sockets_count(conf, n_workers), sizeof(*sockets->all));
	if (sockets->all == NULL) {
		return -ENOMEM;
	}
	/* Every one that cannot be had is told, not only the first. */
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; k < listener->n_addresses; k++) {
			int failed = sockets_bind(
				sockets, listener, i, &listener->addresses[k], n_workers);

			r = r < 0 ? r : failed;
		}
	}
	if (r < 0) {
		sockets_close(sockets);
	}
	return r;
}

void sockets_close(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		listen_close(&sockets->all[i].socket);
	}
	free(sockets->all);
	*sockets = (struct sockets){0};
}
