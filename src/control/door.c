/* SPDX-License-Identifier: ISC */
#include "control/door.h"

#include <errno.h>

#include "stream/acceptor.h"

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct door *door = owner;

	(void)peer;
	(void)peer_len;
	http_server_accept(&door->server, fd, door->addr.kind == ADDR_UNIX);
}

void door_init(struct door *door, const struct http_server_opts *opts)
{
	*door = (struct door){.loop = opts->loop, .socket.fd = -1};
	http_server_init(&door->server, opts);
}

void door_leave(struct door *door)
{
	door->acceptor = acceptor_close(door->acceptor);
	listen_close(&door->socket);
	door->socket = (struct listen_socket){.fd = -1};
}

int door_listen(struct door *door, const struct addr *addr, const struct file_access *access,
	const char **ret_why)
{
	struct listen_socket socket = {.fd = -1};
	struct acceptor_opts opts = {
		.loop = door->loop,
		.is_unix = addr->kind == ADDR_UNIX,
		.owner = door,
		.accepted = on_accepted,
	};
	struct acceptor *acceptor;
	int r = listen_open(addr, access, NULL, &socket, ret_why);

	if (r < 0) {
		return r;
	}
	opts.fd = socket.fd;
	acceptor = acceptor_open(&opts);
	if (acceptor == NULL) {
		r = -errno;
		*ret_why = NULL;
		listen_close(&socket);
		return r;
	}
	socket.fd = -1;
	door_leave(door);
	door->socket = socket;
	door->acceptor = acceptor;
	door->addr = *addr;
	door->access = *access;
	return 0;
}

bool door_is_open(const struct door *door)
{
	return door->acceptor != NULL && !listen_is_lost(&door->socket);
}

void door_yield(struct door *door)
{
	listen_yield(&door->socket);
}

void door_close(struct door *door)
{
	if (door->loop == NULL) {
		return;
	}
	door_leave(door);
	http_server_close(&door->server);
}
