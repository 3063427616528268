/* SPDX-License-Identifier: ISC */
#include "load/serve.h"

#include <errno.h>
#include <unistd.h>

#include "load/conn.h"
#include "load/run.h"
#include "stream/acceptor.h"

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct lane *lane = owner;
	struct run *run = lane->run;
	uint64_t index = atomic_fetch_add(&run->n_servers, 1);
	struct conn *conn;

	(void)peer;
	(void)peer_len;
	if (index >= run->n_servers_max) {
		atomic_fetch_sub(&run->n_servers, 1);
		atomic_fetch_add(&run->n_strangers, 1);
		close(fd);
		return;
	}
	conn = &run->servers[index];
	if (conn_accept(conn, lane, fd) < 0) {
		atomic_fetch_add(&run->n_servers_over, 1);
		return;
	}
	conn->next_server = lane->servers;
	lane->servers = conn;
}

int serve_open(struct lane *lane)
{
	struct acceptor_opts opts = {
		.loop = lane->loop,
		.fd = lane->socket.fd,
		.owner = lane,
		.accepted = on_accepted,
	};

	if (lane->socket.fd < 0) {
		return 0;
	}
	lane->acceptor = acceptor_open(&opts);
	if (lane->acceptor == NULL) {
		return -errno;
	}
	lane->socket.fd = -1;
	return 0;
}

void serve_close(struct lane *lane)
{
	lane->acceptor = acceptor_close(lane->acceptor);
}
