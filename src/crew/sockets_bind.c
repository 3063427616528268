/* SPDX-License-Identifier: ISC */
/* One address of one listener to its sockets: those that were there, bound here, or inherited. */
#include "crew/sockets_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/schema.h"
#include "log/failure.h"
#include "log/log.h"

enum { REMEDY_MAX = 1024 }; /* names have up to 255 characters */

static void log_failure(const struct socket_report *report)
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

void sockets_tell_failure(const struct sockets_opts *opts, const struct socket_report *report)
{
	char key[CONF_NAME_MAX + sizeof("listeners()")];

	if (opts->errors == NULL) {
		log_failure(report);
		return;
	}
	(void)snprintf(key, sizeof(key), "listeners(%s)",
		report->listener == NULL ? "" : report->listener);
	conf_errors_add(opts->errors, opts->path, 0, report->listener == NULL ? NULL : key,
		"\"%s\"%s%s: %s%s%s", report->address, report->socket == NULL ? "" : " ",
		report->socket == NULL ? "" : report->socket,
		report->error != NULL ? report->error : strerrordesc_np(-report->err),
		report->remedy == NULL ? "" : "; ", report->remedy == NULL ? "" : report->remedy);
}

/** A remedy for what listen_open() has none for. */
static const char *remedy_for(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another process listens there: stop it, or write another address";
	case -EACCES:
		return "the user that weir runs as may not make a socket there: choose a folder "
		       "that it may write to";
	case -EADDRNOTAVAIL:
		return "no interface of this machine has it: write one that `ip address` shows";
	case -ENOENT:
		return "the folder of the socket does not exist: make it first";
	default:
		return failure_remedy(err);
	}
}

/** One address of one listener. */
struct opening {
	struct sockets *sockets;
	struct table *before; /**< the sockets that were there, by their addresses */
	const struct sockets_opts *opts;
	const struct conf_listener *listener;
	size_t index; /**< of the listener */
	const struct addr *addr;
};

/** One more, for which there is room in the array; NULL: no memory. */
static struct bound_socket *opening_add(const struct opening *opening)
{
	struct sockets *sockets = opening->sockets;
	struct bound_socket *bound = calloc(1, sizeof(*bound));

	if (bound != NULL) {
		bound->listen.fd = -1;
		bound->listener = LISTENER_NONE;
		bound->next = opening->index;
		bound->addr = *opening->addr;
		bound->access = opening->listener->access;
		sockets->all[sockets->n++] = bound;
	}
	return bound;
}

/* ---- bound here ---- */

static bool has_addr(const void *item, const void *addr)
{
	return addr_equal(&((const struct bound_socket *)item)->addr, addr);
}

/** The first of the sockets that had this address before; NULL if there is none. */
static struct bound_socket *find_before(const struct table *before, const struct addr *addr)
{
	/* What is in there is ours to change. */
	return (struct bound_socket *)table_find(before, addr_hash(addr), has_addr, addr);
}

/** Whether the address is in the way of one of ours that is to go, or goes. */
static bool opening_is_beside(const struct opening *opening)
{
	const struct sockets *sockets = opening->sockets;
	struct addr wildcards[ADDR_WILDCARDS];
	bool is_wildcard = false;

	if (find_before(opening->before, opening->addr) != NULL) {
		return true;
	}
	addr_wildcards(opening->addr->port, wildcards);
	for (size_t i = 0; i < ADDR_WILDCARDS; i++) {
		if (addr_is_within(opening->addr, &wildcards[i]) &&
			find_before(opening->before, &wildcards[i]) != NULL) {
			return true;
		}
		is_wildcard = is_wildcard || addr_equal(opening->addr, &wildcards[i]);
	}
	for (size_t i = 0; is_wildcard && i < sockets->n; i++) {
		const struct bound_socket *bound = sockets->all[i];

		if (!bound_is_new(bound) && addr_is_within(&bound->addr, opening->addr)) {
			return true;
		}
	}
	return false;
}

static int opening_listen(
	const struct opening *opening, struct bound_socket *bound, const char **ret_remedy)
{
	int r = listen_open(opening->addr, &opening->listener->access, &opening->listener->socket,
		&bound->listen, ret_remedy);

	if (r != -EADDRINUSE || !opening_is_beside(opening)) {
		return r;
	}
	if (!listen_can_double(opening->addr)) {
		*ret_remedy = "weir itself listened there, and clients still wait for a place: "
			      "reload again when they are served, or raise max_pairs first";
		return r;
	}
	return listen_open_beside(
		opening->addr, &opening->listener->socket, &bound->listen, ret_remedy);
}

/** Binds one address, for all workers. */
static int opening_bind(const struct opening *opening)
{
	size_t n_workers = opening->opts->n_workers;
	bool doubles = listen_can_double(opening->addr);
	size_t worker = doubles ? 0 : opening->sockets->n % n_workers;
	struct bound_socket *first = opening_add(opening);
	char text[ADDR_TEXT_MAX];
	struct socket_report report = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, text),
	};
	int r = first == NULL ? -ENOMEM : opening_listen(opening, first, &report.remedy);

	if (r < 0) {
		goto err;
	}
	first->is_unix = opening->addr->kind == ADDR_UNIX;
	first->worker = worker;
	for (size_t i = 1; doubles && i < n_workers; i++) {
		struct bound_socket *more = opening_add(opening);

		r = more == NULL ? -ENOMEM
				 : listen_open_more(&first->listen, &opening->listener->socket,
					   &more->listen);
		if (r < 0) {
			goto err;
		}
		more->worker = i;
	}
	return 0;
err:
	report.err = r;
	if (report.remedy == NULL) {
		report.remedy = remedy_for(r);
	}
	sockets_tell_failure(opening->opts, &report);
	return r;
}

/* ---- inherited ---- */

const char *socket_text(int fd, char text[ADDR_TEXT_MAX])
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
static int opening_copy(const struct opening *opening, struct inherited_socket *passed)
{
	char address[ADDR_TEXT_MAX];
	char socket[ADDR_TEXT_MAX];
	struct socket_report report = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, address),
		.socket = socket_text(passed->fd, socket),
	};
	struct bound_socket *bound;

	report.err =
		listen_adopt(passed->fd, &opening->listener->socket, &passed->kept, &report.remedy);
	if (report.err < 0) {
		goto err;
	}
	bound = opening_add(opening);
	if (bound == NULL) {
		report.err = -ENOMEM;
		goto err;
	}
	bound->worker = (opening->sockets->n - 1) % opening->opts->n_workers;
	bound->is_unix = is_unix(passed->fd);
	bound->kept = &passed->kept;
	bound->listen.fd = fcntl(passed->fd, F_DUPFD_CLOEXEC, 0);
	if (bound->listen.fd < 0) {
		report.err = -errno;
		goto err;
	}
	return 0;
err:
	sockets_tell_failure(opening->opts, &report);
	return report.err;
}

/** As systemd passes it with Accept=yes. */
static bool is_connection(int fd)
{
	int listens = 1;
	socklen_t len = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens == 0;
}

static bool has_connection(const struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n; i++) {
		if (is_connection(inherited->all[i].fd)) {
			return true;
		}
	}
	return false;
}

/** Finds all inherited sockets of one name. */
static int opening_inherit(const struct opening *opening)
{
	const char *name = opening->addr->host;
	char address[ADDR_TEXT_MAX];
	char remedy[REMEDY_MAX];
	struct socket_report missing = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, address),
		.error = "no socket of this name was passed",
		.remedy = remedy,
	};
	bool found = false;
	int r = 0;

	for (size_t i = 0; i < opening->opts->inherited->n; i++) {
		struct inherited_socket *passed = &opening->opts->inherited->all[i];

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
		has_connection(opening->opts->inherited)
			? "what was passed is a connection, as with Accept=yes: write Accept=no "
			  "and FileDescriptorName=%s in the socket unit; weir accepts itself"
			: "write FileDescriptorName=%s in a socket unit of the service, and start "
			  "that unit while the service is stopped: systemctl stop weir; systemctl "
			  "start weir.socket weir",
		name);
	sockets_tell_failure(opening->opts, &missing);
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
static int check_unasked(const struct sockets_opts *opts)
{
	const struct inherited *inherited = opts->inherited;
	int r = 0;

	for (size_t i = 0; i < inherited->n; i++) {
		const struct inherited_socket *passed = &inherited->all[i];
		char address[ADDR_TEXT_MAX];
		char remedy[REMEDY_MAX];
		char text[ADDR_TEXT_MAX];
		struct socket_report report = {
			.address = address,
			.socket = socket_text(passed->fd, text),
			.error = "no listener asks for this socket",
			.remedy = remedy,
		};

		if (is_asked_for(opts->conf, passed->name)) {
			continue;
		}
		(void)snprintf(address, sizeof(address), "systemd:%s", passed->name);
		if (is_connection(passed->fd)) {
			report.error = "it is a connection and not a socket that listens";
			report.remedy = "write Accept=no in the socket unit: weir accepts itself";
		} else {
			(void)snprintf(remedy, sizeof(remedy),
				"let a listener listen on %s, or take the socket out of its unit",
				address);
		}
		sockets_tell_failure(opts, &report);
		r = -EINVAL;
	}
	return r;
}

/* ---- all ---- */

/** Whether it is bound to a path at which no client finds it any more; then lets go of the path. */
static bool bound_is_lost(struct bound_socket *bound)
{
	if (bound->addr.kind != ADDR_UNIX || bound->addr.sa.un.sun_path[0] == '\0') {
		return false;
	}
	if (listen_is_lost(&bound->listen)) {
		listen_leave(&bound->listen);
	}
	return bound->listen.claim == NULL;
}

/** Finds the sockets that listen on the address already. */
static bool opening_keep(const struct opening *opening)
{
	struct bound_socket *bound = find_before(opening->before, opening->addr);
	bool found = false;

	for (; bound != NULL; bound = bound->same) {
		if (bound->listener != LISTENER_NONE && !bound_is_lost(bound)) {
			bound->next = opening->index;
			found = true;
		}
	}
	return found;
}

static int opening_open(const struct opening *opening)
{
	if (opening_keep(opening)) {
		return 0;
	}
	return opening->addr->kind == ADDR_SYSTEMD ? opening_inherit(opening)
						   : opening_bind(opening);
}

int sockets_index(struct sockets *sockets, struct table *ret_before)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];
		struct bound_socket *first = find_before(ret_before, &bound->addr);

		bound->next = LISTENER_NONE;
		bound->same = first == NULL ? NULL : first->same;
		if (first != NULL) {
			first->same = bound;
		} else if (table_add(ret_before, addr_hash(&bound->addr), bound) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int sockets_want(struct sockets *sockets, const struct sockets_opts *opts, struct table *before)
{
	struct opening opening = {.sockets = sockets, .before = before, .opts = opts};
	int r = check_unasked(opts);

	for (size_t i = 0; i < opts->conf->n_listeners; i++) {
		opening.listener = &opts->conf->listeners[i];
		opening.index = i;
		for (size_t k = 0; k < opening.listener->n_addresses; k++) {
			int failed;

			opening.addr = &opening.listener->addresses[k];
			failed = opening_open(&opening);
			r = r < 0 ? r : failed;
		}
	}
	return r;
}
