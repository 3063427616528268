/* SPDX-License-Identifier: ISC */
#include "dns_server.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"

enum { UDP_MAX = 512, QUERY_MAX = 1024 };

/** Finds the entry for a question; `makes`: adds one if there is none. -1: there is none. */
static int find(struct dns_server *server, const char *name, enum dns_type type, bool makes)
{
	for (size_t i = 0; i < server->n_says; i++) {
		if (server->says[i].type == type && strcmp(server->says[i].name, name) == 0) {
			return (int)i;
		}
	}
	if (!makes) {
		return -1;
	}
	ck_assert_uint_lt(server->n_says, DNS_SERVER_SAYS);
	(void)snprintf(server->says[server->n_says].name, sizeof(server->says[0].name), "%s", name);
	server->says[server->n_says].type = type;
	server->says[server->n_says].text = "NXDOMAIN";
	return (int)server->n_says++;
}

void dns_server_say(
	struct dns_server *server, const char *name, enum dns_type type, const char *text)
{
	server->says[find(server, name, type, true)].text = text;
}

unsigned dns_server_asked(const struct dns_server *server, const char *name, enum dns_type type)
{
	int i = find((struct dns_server *)(uintptr_t)server, name, type, false);

	return i < 0 ? 0 : server->says[i].n_asked;
}

/** Makes the answer to a query. Returns its size; 0: no answer. */
static size_t answer(struct dns_server *server, const uint8_t *query, size_t n, uint8_t *out)
{
	char name[DNS_NAME_MAX] = "";
	size_t at = 12;
	size_t len = 0;
	const char *text;
	size_t size;
	int i;

	ck_assert_uint_ge(n, 17);
	for (; query[at] != 0; at += 1 + query[at]) {
		len += (size_t)sprintf(name + len, "%s%.*s", len > 0 ? "." : "", query[at],
			(const char *)query + at + 1);
	}
	i = find(server, name, (enum dns_type)(query[at + 1] << 8 | query[at + 2]), true);
	server->says[i].n_asked++;
	server->n_asked++;
	text = server->says[i].text;
	if (strcmp(text, "HANG") == 0) {
		return 0;
	}
	if (strcmp(text, "GARBAGE") == 0) {
		memset(out, 0xa5, 40);
		size = 40;
	} else {
		size = dns_wire(name, server->says[i].type, text, out);
	}
	memcpy(out, query, 2);
	return size;
}

static void on_udp(struct watcher *watcher, uint32_t events)
{
	struct dns_server *server = container_of(watcher, struct dns_server, udp);
	static uint8_t out[DNS_WIRE_BYTES_MAX];
	uint8_t query[QUERY_MAX];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(server->udp_fd, query, sizeof(query), MSG_DONTWAIT,
		(struct sockaddr *)&from, &from_len);
	size_t size;

	(void)events;
	if (n < 0) {
		return;
	}
	fault_suspend();
	size = answer(server, query, (size_t)n, out);
	fault_resume();
	if (size > UDP_MAX) {
		out[2] |= 0x02; /* it is truncated */
		memset(out + 6, 0, 6);
		size = 12 + (size_t)n - 12;
	}
	if (size > 0) {
		(void)sendto(server->udp_fd, out, size, 0, (struct sockaddr *)&from, from_len);
	}
}

static void conn_close(struct dns_server_conn *conn)
{
	if (conn->fd >= 0) {
		loop_unwatch(test_loop, conn->fd, &conn->watcher);
		close(conn->fd);
		conn->fd = -1;
	}
}

static void on_conn(struct watcher *watcher, uint32_t events)
{
	struct dns_server_conn *conn = container_of(watcher, struct dns_server_conn, watcher);
	static uint8_t out[2 + DNS_WIRE_BYTES_MAX];
	uint8_t query[QUERY_MAX];
	ssize_t n = recvfrom(conn->fd, query, sizeof(query), MSG_DONTWAIT, NULL, NULL);
	size_t size;

	(void)events;
	if (n <= 2) {
		conn_close(conn);
		return;
	}
	fault_suspend();
	conn->server->n_tcp++;
	/* A query is so small that it arrives in one piece over loopback. */
	ck_assert_int_eq(query[0] << 8 | query[1], n - 2);
	size = answer(conn->server, query + 2, (size_t)n - 2, out + 2);
	out[0] = (uint8_t)(size >> 8);
	out[1] = (uint8_t)size;
	if (size > 0) {
		/* A reader must handle an answer in two parts. It may be gone before the second. */
		n = sendto(conn->fd, out, 1, MSG_NOSIGNAL, NULL, 0);
		if (n == 1) {
			n = sendto(conn->fd, out + 1, size + 1, MSG_NOSIGNAL, NULL, 0);
		}
		ck_assert(n == (ssize_t)size + 1 || errno == EPIPE || errno == ECONNRESET);
	}
	fault_resume();
}

static void on_tcp(struct watcher *watcher, uint32_t events)
{
	struct dns_server *server = container_of(watcher, struct dns_server, tcp);
	struct dns_server_conn *conn = server->conns;

	(void)events;
	fault_suspend();
	while (conn->fd >= 0) {
		conn++;
		ck_assert_ptr_ne(conn, server->conns + DNS_SERVER_CONNS);
	}
	conn->fd = accept4(server->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(conn->fd, 0);
	conn->server = server;
	conn->watcher.ready = on_conn;
	ck_assert_int_eq(loop_watch_listen(test_loop, conn->fd, &conn->watcher), 0);
	fault_resume();
}

/** Binds a socket of the type; -1: the port is taken. */
static int bind_to(struct addr *addr, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (bind(fd, &addr->sa.any, addr->sa_len) < 0) {
		close(fd);
		return -1;
	}
	ck_assert_int_eq(getsockname(fd, &addr->sa.any, &addr->sa_len), 0);
	return fd;
}

void dns_server_open(struct dns_server *server)
{
	*server = (struct dns_server){.tcp_fd = -1, .addr.kind = ADDR_INET};
	while (server->tcp_fd < 0) {
		server->addr.sa.in = (struct sockaddr_in){.sin_family = AF_INET};
		server->addr.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		server->addr.sa_len = sizeof(server->addr.sa.in);
		server->udp_fd = bind_to(&server->addr, SOCK_DGRAM);
		server->tcp_fd = bind_to(&server->addr, SOCK_STREAM);
		if (server->tcp_fd < 0) {
			close(server->udp_fd);
		}
	}
	server->addr.port = ntohs(server->addr.sa.in.sin_port);
	ck_assert_int_eq(listen(server->tcp_fd, DNS_SERVER_CONNS), 0);
	for (size_t i = 0; i < DNS_SERVER_CONNS; i++) {
		server->conns[i].fd = -1;
	}
	server->udp.ready = on_udp;
	server->tcp.ready = on_tcp;
	ck_assert_int_eq(loop_watch_listen(test_loop, server->udp_fd, &server->udp), 0);
	ck_assert_int_eq(loop_watch_listen(test_loop, server->tcp_fd, &server->tcp), 0);
}

void dns_server_close(struct dns_server *server)
{
	for (size_t i = 0; i < DNS_SERVER_CONNS; i++) {
		conn_close(&server->conns[i]);
	}
	loop_unwatch(test_loop, server->udp_fd, &server->udp);
	loop_unwatch(test_loop, server->tcp_fd, &server->tcp);
	close(server->udp_fd);
	close(server->tcp_fd);
}
