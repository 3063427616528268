/* SPDX-License-Identifier: ISC */
#include "control/door.h"

#include <errno.h>

#include "base/fds.h"
#include "base/prefixes.h"
#include "conf/conf.h"
#include "stream/acceptor.h"

static bool lets_in(const struct door_stand *stand, const union addr_sockaddr *peer)
{
	const struct conf_prefixes *allow = stand->opts.allow;

	if (allow == NULL || allow->any) {
		return true;
	}
	return stand->opts.addr.kind == ADDR_UNIX ? allow->unix_peers
						  : prefixes_has(stand->allow, &peer->any);
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct door *door = owner;

	(void)peer_len;
	if (lets_in(&door->now, peer)) {
		http_server_accept(&door->server, fd, door->now.opts.addr.kind == ADDR_UNIX);
	} else {
		fds_reset(fd);
	}
}

static void stand_close(struct door_stand *stand)
{
	stand->acceptor = acceptor_close(stand->acceptor);
	listen_close(&stand->socket);
	prefixes_free(stand->allow);
	*stand = (struct door_stand){.socket.fd = -1};
}

void door_init(struct door *door, const struct http_server_opts *opts)
{
	*door = (struct door){.loop = opts->loop, .now.socket.fd = -1, .next.socket.fd = -1};
	http_server_init(&door->server, opts);
}

/* ---- another address ---- */

/** Whether one of the door's two addresses takes in the other, so that both can be had only beside
 * each other. */
static bool is_beside(const struct door *door)
{
	const struct addr *now = &door->now.opts.addr;
	const struct addr *next = &door->next.opts.addr;

	return door->now.acceptor != NULL && listen_can_double(now) && listen_can_double(next) &&
	       (addr_is_within(now, next) || addr_is_within(next, now));
}

/** Makes the socket of the next stand. 0 or a negative errno. */
static int listen_next(struct door *door, const char **ret_why)
{
	struct door_stand *next = &door->next;
	struct acceptor_opts opts = {
		.loop = door->loop,
		.is_unix = next->opts.addr.kind == ADDR_UNIX,
		.owner = door,
		.accepted = on_accepted,
	};
	int r = listen_open(&next->opts.addr, &next->opts.access, NULL, &next->socket, ret_why);

	if (r == -EADDRINUSE && is_beside(door)) {
		r = listen_open_beside(&next->opts.addr, NULL, &next->socket, ret_why);
	}
	if (r < 0) {
		return r;
	}
	opts.fd = next->socket.fd;
	next->acceptor = acceptor_open(&opts);
	if (next->acceptor == NULL) {
		*ret_why = NULL;
		return -errno;
	}
	next->socket.fd = -1; /* the acceptor has it */
	acceptor_pause(next->acceptor);
	return 0;
}

/** Compiles the list of clients to admit. 0 or -ENOMEM. */
static int compile_allow(struct door_stand *stand)
{
	const struct conf_prefixes *allow = stand->opts.allow;

	if (allow == NULL) {
		return 0;
	}
	stand->allow = prefixes_new(allow->prefixes, allow->n);
	return stand->allow == NULL ? -ENOMEM : 0;
}

int door_prepare(struct door *door, const struct door_opts *opts, const char **ret_why)
{
	struct door_stand *next = &door->next;
	bool is_same = door->now.acceptor != NULL && addr_equal(&door->now.opts.addr, &opts->addr);
	int r;

	*ret_why = NULL;
	*next = (struct door_stand){.opts = *opts, .socket.fd = -1};
	next->stays = is_same && !listen_is_lost(&door->now.socket);
	r = compile_allow(next);
	if (r == 0 && next->stays && opts->addr.kind == ADDR_UNIX) {
		r = listen_set_access(&door->now.socket, &opts->access, ret_why);
	} else if (r == 0 && !next->stays && opts->addr.sa_len > 0) {
		if (is_same) { /* its path was removed: listen there again */
			door->now.acceptor = acceptor_close(door->now.acceptor);
			listen_close(&door->now.socket);
		}
		r = listen_next(door, ret_why);
	}
	if (r < 0) {
		stand_close(next);
	}
	return r;
}

void door_commit(struct door *door)
{
	struct door_stand before = door->now;

	door->now = door->next;
	door->next = (struct door_stand){.socket.fd = -1};
	if (door->now.stays) {
		door->now.stays = false;
		door->now.socket = before.socket;
		door->now.acceptor = before.acceptor;
		before.socket = (struct listen_socket){.fd = -1};
		before.acceptor = NULL;
	} else if (door->now.acceptor != NULL) {
		acceptor_resume(door->now.acceptor);
	}
	stand_close(&before);
	if (door->now.acceptor == NULL) {
		http_server_close(&door->server);
	}
}

void door_cancel(struct door *door)
{
	const char *why;

	if (door->next.stays && door->now.opts.addr.kind == ADDR_UNIX) {
		/* This does not fail: weir could change it a moment ago. */
		(void)listen_set_access(&door->now.socket, &door->now.opts.access, &why);
	}
	stand_close(&door->next);
}

/* ---- while it is open ---- */

bool door_is_open(const struct door *door)
{
	return door->now.opts.addr.sa_len == 0 ||
	       (door->now.acceptor != NULL && !listen_is_lost(&door->now.socket));
}

void door_yield(struct door *door)
{
	listen_yield(&door->now.socket);
}

void door_close(struct door *door)
{
	if (door->loop == NULL) {
		return;
	}
	stand_close(&door->now);
	stand_close(&door->next);
	http_server_close(&door->server);
}
