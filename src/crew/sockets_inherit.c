/* SPDX-License-Identifier: ISC */
/* "systemd:NAME": a duplicate of each inherited socket with this name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "crew/sockets_private.h"

enum { REMEDY_MAX = 1024 }; /* names have up to 255 characters */

static bool is_unix(int fd)
{
	union addr_sockaddr sa = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getsockname(fd, &sa.any, &len) == 0 && sa.any.sa_family == AF_UNIX;
}

/** Duplicates one, from which one worker accepts for all. */
static int copy_socket(const struct opening *opening, struct inherited_socket *passed)
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
		return sockets_fail(opening->opts, &report);
	}
	bound = opening_add(opening);
	if (bound == NULL) {
		listen_give_back(passed->fd, &passed->kept);
		report.err = -ENOMEM;
		return sockets_fail(opening->opts, &report);
	}
	bound->worker = (opening->sockets->n - 1) % opening->opts->n_workers;
	bound->is_unix = is_unix(passed->fd);
	bound->kept = &passed->kept;
	bound->listen.fd = fcntl(passed->fd, F_DUPFD_CLOEXEC, 0);
	if (bound->listen.fd < 0) {
		report.err = -errno;
		listen_give_back(passed->fd, &passed->kept);
		return sockets_fail(opening->opts, &report);
	}
	return 0;
}

/** Reports each inherited fd that has the name but does not listen, and why it cannot be used. 0:
 * there is none. */
static int refuse_others(const struct opening *opening)
{
	const struct inherited *inherited = opening->opts->inherited;
	int r = 0;

	for (size_t i = 0; i < inherited->n_others; i++) {
		const struct inherited_fd *other = &inherited->others[i];
		struct sockopts_kept kept = {0};
		char address[ADDR_TEXT_MAX];
		char socket[ADDR_TEXT_MAX];
		struct socket_report report = {
			.listener = opening->listener->name,
			.address = addr_text(opening->addr, address),
			.socket = socket_text(other->fd, socket),
		};

		if (strcmp(other->name, opening->addr->host) == 0) {
			/* It does not listen, so listen_adopt() refuses it before it changes
			 * anything. */
			report.err = listen_adopt(
				other->fd, &opening->listener->socket, &kept, &report.remedy);
			r = sockets_fail(opening->opts, &report);
		}
	}
	return r;
}

static int refuse_missing(const struct opening *opening)
{
	char address[ADDR_TEXT_MAX];
	char remedy[REMEDY_MAX];

	(void)snprintf(remedy, sizeof(remedy),
		inherited_has_connection(opening->opts->inherited)
			? "what was passed is a connection, as with Accept=yes: write Accept=no "
			  "and FileDescriptorName=%s in the socket unit; weir accepts itself"
			: "write FileDescriptorName=%s in a socket unit of the service, and start "
			  "that unit while the service is stopped: systemctl stop weir; systemctl "
			  "start weir.socket weir",
		opening->addr->host);
	return sockets_fail(opening->opts, &(struct socket_report){
						   .listener = opening->listener->name,
						   .address = addr_text(opening->addr, address),
						   .error = "no socket of this name was passed",
						   .remedy = remedy,
						   .err = -ENOENT,
					   });
}

int opening_inherit(const struct opening *opening)
{
	const struct inherited *inherited = opening->opts->inherited;
	bool found = false;
	int r = 0;

	for (size_t i = 0; i < inherited->n_listening; i++) {
		struct inherited_socket *passed = &inherited->listening[i];

		if (strcmp(passed->name, opening->addr->host) == 0) {
			int failed = copy_socket(opening, passed);

			found = true;
			r = r < 0 ? r : failed;
		}
	}
	if (!found) {
		r = refuse_others(opening);
		r = r < 0 ? r : refuse_missing(opening);
	}
	return r;
}

/* ---- those that no listener asks for ---- */

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

/** Refuses a socket that no listener asks for: its clients would wait for ever. */
static int refuse_unasked(const struct sockets_opts *opts, const struct inherited_socket *passed)
{
	char address[ADDR_TEXT_MAX];
	char remedy[REMEDY_MAX];
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	const char *why;
	int len = snprintf(address, sizeof(address), "systemd:%s", passed->name);

	if ((size_t)len < sizeof(address) && addr_parse(address, &addr, &why) == 0) {
		(void)snprintf(remedy, sizeof(remedy),
			"let a listener listen on %s, or take the socket out of its unit", address);
	} else {
		(void)snprintf(remedy, sizeof(remedy),
			"no listener can ask for this name: write FileDescriptorName=web or the "
			"like in the unit of the socket, or take it out of there");
	}
	return sockets_fail(opts, &(struct socket_report){
					  .address = address,
					  .socket = socket_text(passed->fd, text),
					  .error = "no listener asks for this socket",
					  .remedy = remedy,
					  .err = -EINVAL,
				  });
}

int sockets_check_unasked(const struct sockets_opts *opts)
{
	const struct inherited *inherited = opts->inherited;
	int r = 0;

	for (size_t i = 0; i < inherited->n_listening; i++) {
		if (!is_asked_for(opts->conf, inherited->listening[i].name)) {
			r = refuse_unasked(opts, &inherited->listening[i]);
		}
	}
	return r;
}
