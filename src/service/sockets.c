/* SPDX-License-Identifier: ISC */
#include "service/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/** A UNIX socket, its lock file, and the path held open so that its inode stays its own. */
enum { FDS_UNIX = 3 };

/** An inherited socket and the copy that is accepted from. */
enum { FDS_INHERITED = 2 };

enum { REMEDY_MAX = 1024 }; /* names have up to 255 characters */

size_t sockets_count(const struct conf *conf, size_t n_workers, const struct inherited *inherited)
{
	size_t n = FDS_INHERITED * inherited->n;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; k < listener->n_addresses; k++) {
			const struct addr *addr = &listener->addresses[k];

			if (addr->kind != ADDR_SYSTEMD) {
				n += listen_can_double(addr) ? n_workers : FDS_UNIX;
			}
		}
	}
	return n;
}

/** What a line of the log says of a socket; what is NULL is left out. */
struct report {
	const char *listener;
	const char *address; /**< as the config has it */
	const char *socket;  /**< an inherited one's own */
	const char *error;   /**< in place of err */
	const char *remedy;
	int err;
};

static void log_failure(const struct report *report)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "listen_failed")) {
		log_str(&line, "listener", report->listener);
		log_str(&line, "address", report->address);
		log_str(&line, "socket", report->socket);
		if (report->err < 0) {
			log_errno(&line, report->err);
		}
		log_str(&line, "error", report->error);
		log_str(&line, "remedy", report->remedy);
		log_end(&line);
	}
}

static void log_listening(const struct report *report)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "listening")) {
		log_str(&line, "listener", report->listener);
		log_str(&line, "address", report->address);
		log_str(&line, "socket", report->socket);
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

/** One address of one listener. */
struct opening {
	struct sockets *sockets;
	const struct inherited *inherited;
	size_t n_workers;
	const struct conf_listener *listener;
	size_t index; /**< of the listener */
	const struct addr *addr;
};

/* ---- bound here ---- */

/** Binds one address, for all workers. */
static int opening_bind(const struct opening *opening)
{
	struct sockets *sockets = opening->sockets;
	bool doubles = listen_can_double(opening->addr);
	struct bound_socket *first = &sockets->all[sockets->n];
	char text[ADDR_TEXT_MAX];
	struct report report = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, text),
	};
	int r = listen_open(
		opening->addr, opening->listener->mode, &first->socket.listen, &report.remedy);

	if (r < 0) {
		goto err;
	}
	first->socket.listener = opening->index;
	first->socket.is_unix = opening->addr->kind == ADDR_UNIX;
	first->socket.hand_over = !doubles && opening->n_workers > 1;
	first->worker = doubles ? 0 : sockets->n % opening->n_workers;
	sockets->n++;
	for (size_t i = 1; doubles && i < opening->n_workers; i++) {
		struct bound_socket *more = &sockets->all[sockets->n];

		r = listen_open_more(&first->socket.listen, &more->socket.listen);
		if (r < 0) {
			goto err;
		}
		more->socket.listener = opening->index;
		more->worker = i;
		sockets->n++;
	}
	log_listening(&report);
	return 0;
err:
	report.err = r;
	if (report.remedy == NULL) {
		report.remedy = remedy_for(r);
	}
	log_failure(&report);
	return r;
}

/* ---- inherited ---- */

/** Where a socket is bound, whatever it is; NULL when it is no socket. */
static const char *socket_text(int fd, char text[ADDR_TEXT_MAX])
{
	union addr_sockaddr sa = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getsockname(fd, &sa.any, &len) < 0 ? NULL : addr_format(&sa.any, len, text);
}

static bool is_unix(int fd)
{
	union addr_sockaddr sa = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getsockname(fd, &sa.any, &len) == 0 && sa.any.sa_family == AF_UNIX;
}

/** Copies one inherited socket, from which one worker accepts for all. */
static int opening_copy(const struct opening *opening, const struct inherited_socket *passed)
{
	struct sockets *sockets = opening->sockets;
	char address[ADDR_TEXT_MAX];
	char socket[ADDR_TEXT_MAX];
	struct report report = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, address),
		.socket = socket_text(passed->fd, socket),
	};
	int fd = -1;

	report.err = listen_adopt(passed->fd, &report.remedy);
	if (report.err == 0) {
		fd = fcntl(passed->fd, F_DUPFD_CLOEXEC, 0);
		report.err = fd < 0 ? -errno : 0;
	}
	if (report.err < 0) {
		log_failure(&report);
		return report.err;
	}
	sockets->all[sockets->n] = (struct bound_socket){
		.socket =
			{
				.listen.fd = fd,
				.is_unix = is_unix(fd),
				.is_shared = true,
				.hand_over = opening->n_workers > 1,
				.listener = opening->index,
			},
		.worker = sockets->n % opening->n_workers,
	};
	sockets->n++;
	log_listening(&report);
	return 0;
}

/** Finds all inherited sockets of one name. */
static int opening_inherit(const struct opening *opening)
{
	const char *name = opening->addr->host;
	char address[ADDR_TEXT_MAX];
	char remedy[REMEDY_MAX];
	struct report missing = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, address),
		.error = "no socket of this name was passed",
		.remedy = remedy,
	};
	bool found = false;
	int r = 0;

	for (size_t i = 0; i < opening->inherited->n; i++) {
		const struct inherited_socket *passed = &opening->inherited->all[i];

		if (strcmp(passed->name, name) == 0) {
			int failed = opening_copy(opening, passed);

			found = true;
			r = r < 0 ? r : failed;
		}
	}
	if (found) {
		return r;
	}
	(void)snprintf(remedy, sizeof(remedy),
		"write FileDescriptorName=%s in a socket unit of the service, and start that unit, "
		"like systemctl start weir.socket",
		name);
	log_failure(&missing);
	return -ENOENT;
}

/** Whether a listener asks for sockets of this name. */
static bool is_asked_for(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; k < listener->n_addresses; k++) {
			const struct addr *addr = &listener->addresses[k];

			if (addr->kind == ADDR_SYSTEMD && strcmp(addr->host, name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/** Clients of a socket that nobody accepts from would wait for ever. */
static int check_unasked(const struct conf *conf, const struct inherited *inherited)
{
	int r = 0;

	for (size_t i = 0; i < inherited->n; i++) {
		const struct inherited_socket *passed = &inherited->all[i];
		char address[ADDR_TEXT_MAX];
		char remedy[REMEDY_MAX];
		char text[ADDR_TEXT_MAX];
		struct report report = {
			.address = address,
			.socket = socket_text(passed->fd, text),
			.error = "no listener asks for this socket",
			.remedy = remedy,
		};

		if (is_asked_for(conf, passed->name)) {
			continue;
		}
		(void)snprintf(address, sizeof(address), "systemd:%s", passed->name);
		(void)snprintf(remedy, sizeof(remedy),
			"let a listener listen on %s, or take the socket out of its unit", address);
		log_failure(&report);
		r = -EINVAL;
	}
	return r;
}

/* ---- all ---- */

int sockets_open(struct sockets *sockets, const struct conf *conf, size_t n_workers,
	const struct inherited *inherited)
{
	struct opening opening = {
		.sockets = sockets,
		.inherited = inherited,
		.n_workers = n_workers,
	};
	int r;

	sockets->n = 0;
	sockets->all = calloc(sockets_count(conf, n_workers, inherited) + 1, sizeof(*sockets->all));
	if (sockets->all == NULL) {
		return -ENOMEM;
	}
	/* Every one that cannot be had is told, not only the first. */
	r = check_unasked(conf, inherited);
	for (size_t i = 0; i < conf->n_listeners; i++) {
		opening.listener = &conf->listeners[i];
		opening.index = i;
		for (size_t k = 0; k < opening.listener->n_addresses; k++) {
			int failed;

			opening.addr = &opening.listener->addresses[k];
			failed = opening.addr->kind == ADDR_SYSTEMD ? opening_inherit(&opening)
								    : opening_bind(&opening);
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
		listen_close(&sockets->all[i].socket.listen);
	}
	free(sockets->all);
	*sockets = (struct sockets){0};
}
