/* SPDX-License-Identifier: ISC */
#include "house.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fault.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "stream/resolver.h"
#include "upstream/group.h"

void house_open(struct house *house)
{
	static char app[] = "app";
	static char web[] = "web";
	static char side[] = "side";

	memset(house, 0, sizeof(*house));
	house->conf.listeners = house->listeners;
	house->conf.n_listeners = 2;
	house->conf.upstreams = &house->upstream;
	house->conf.n_upstreams = 1;
	house->conf.high_water_mark = 64 * 1024;
	house->upstream.servers = house->servers;
	house->upstream.name = app;
	house->upstream.balance = BALANCE_FIRST;
	for (size_t i = 0; i < 2; i++) {
		house->listeners[i].name = i == 0 ? web : side;
		house->listeners[i].upstream = &house->upstream;
		memset(&house->listeners[i].timeouts, 0xff, sizeof(struct conf_timeouts));
		house->listeners[i].timeouts.lifetime_grace_ns = 0;
		house->listeners[i].timeouts.lifetime_spread_ns = 0;
	}
	house->shared.resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(house->shared.resolver);
	ck_assert_int_eq(proxy_shared_init(&house->shared, 1), 0);
	house->shared.parts[0] = &house->proxy.part;
	refs_init(&house->conf.refs);
	house->shared.generation = generation_new(&house->conf, &house->shared);
	ck_assert_ptr_nonnull(house->shared.generation);
	proxy_init(&house->proxy, test_loop, &house->shared, 0);
}

void house_close(struct house *house)
{
	for (size_t i = 0; i < house->n_refusing; i++) {
		close(house->refusing[i]);
	}
	proxy_fini(&house->proxy);
	ck_assert_uint_eq(limit_taken(&house->shared.places.pairs), 0);
	/* By now only the test uses it. */
	ck_assert_uint_eq(refs_count(&house->shared.generation->refs), 1);
	ck_assert_uint_eq(refs_count(&house->shared.generation->offers[0]->refs), 1);
	ck_assert(list_empty(&house->proxy.part.terms));
	ck_assert_uint_eq(house_pairs(house, 0), 0);
	ck_assert_uint_eq(house_pairs(house, 1), 0);
	generation_unref(house->shared.generation);
	house_forget(house, 0);
	free(house->before);
	ck_assert_uint_eq(house->shared.groups.names.table.n, 0);
	ck_assert_uint_eq(house->shared.groups.servers.registry.table.n, 0);
	ck_assert_uint_eq(refs_count(&house->conf.refs), 1);
	loop_until(resolver_lookups(house->shared.resolver) == 0);
	resolver_free(house->shared.resolver);
	proxy_shared_fini(&house->shared);
}

/** Puts the servers in force that the test has set in the config, if they have changed. */
static void house_set_upstream(struct house *house)
{
	struct group *group = house_terms(house, 0)->offer->targets[0].group;
	struct group_plan *plan;

	if (memcmp(&house->applied, &house->upstream, sizeof(house->applied)) == 0 &&
		memcmp(house->applied_servers, house->servers, sizeof(house->servers)) == 0) {
		return;
	}
	house->applied = house->upstream;
	memcpy(house->applied_servers, house->servers, sizeof(house->servers));
	fault_suspend();
	house->before = realloc(house->before, (house->n_before + 2) * sizeof(struct group_plan *));
	ck_assert_ptr_nonnull(house->before);
	plan = group_plan_new(&house->shared.groups.servers, group, &house->upstream);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
	for (size_t i = 0; i < 2; i++) {
		struct target *target = &house_terms(house, i)->offer->targets[0];

		house->before[house->n_before++] = target->plan;
		target->plan = i == 0 ? plan : group_plan_ref(plan);
	}
	fault_resume();
}

void house_add_server(struct house *house, const char *address)
{
	struct conf_server *server = &house->servers[house->upstream.n_servers++];
	const char *why = NULL;

	ck_assert_uint_le(house->upstream.n_servers, HOUSE_SERVERS_MAX);
	ck_assert_msg(addr_parse(address, &server->addr, &why) == 0, "%s: %s", address, why);
	(void)snprintf(server->text, sizeof(server->text), "%s", address);
	server->weight = 1;
	house_set_upstream(house);
}

void house_forget(struct house *house, size_t n_before)
{
	while (house->n_before > n_before) {
		group_plan_unref(house->before[--house->n_before]);
	}
}

void house_clear_servers(struct house *house)
{
	house->upstream.n_servers = 0;
	house_set_upstream(house);
}

struct terms *house_terms(struct house *house, size_t listener)
{
	return &house->shared.generation->offers[listener]->terms[0];
}

uint32_t house_pairs(const struct house *house, size_t listener)
{
	return limit_taken(house->shared.generation->offers[listener]->limit);
}

struct session_opts house_client(
	struct house *house, size_t listener, enum wire_kind kind, struct side *client)
{
	struct wire wire = wire_open(kind);
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct session_opts opts = {
		.fd = wire.near,
		.terms = house_terms(house, listener),
		.client_flags = kind == WIRE_TCP ? STREAM_IS_TCP : STREAM_IS_UNIX,
	};

	house_set_upstream(house);
	*client = (struct side){.kind = kind, .fd = wire.far, .near = -1, .in.fd = -1};
	sender_init(&client->out);
	ck_assert_int_eq(fcntl(wire.near, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(getpeername(wire.near, (struct sockaddr *)&peer, &len), 0);
	opts.peer = session_client(opts.fd, (struct sockaddr *)&peer, len);
	ck_assert_ptr_null(places_admit(&house->shared.places, opts.terms->offer->limit));
	return opts;
}

void house_session(struct house *house, size_t listener, enum wire_kind kind, struct side *client)
{
	struct session_opts opts = house_client(house, listener, kind, client);

	session_open(&opts);
}

/* ---- servers ---- */

static void on_server_ready(struct watcher *watcher, uint32_t events)
{
	struct test_server *server = container_of(watcher, struct test_server, watcher);
	int fd;

	(void)events;
	fault_suspend();
	fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		side_close(&server->side);
		server->side =
			(struct side){.kind = server->kind, .fd = fd, .near = -1, .in.fd = -1};
		sender_init(&server->side.out);
		side_receive(&server->side);
		server->n_accepted++;
	}
	fault_resume();
}

/** Binds to a port or an abstract name that the kernel picks. */
static int bind_anywhere(enum wire_kind kind, char address[64])
{
	union addr_sockaddr sa = {.in = {.sin_family = AF_INET}};
	socklen_t len = sizeof(sa.in);
	int fd;

	sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (kind == WIRE_UNIX) {
		memset(&sa, 0, sizeof(sa));
		sa.un.sun_family = AF_UNIX;
		len = sizeof(sa_family_t);
	}
	fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &sa.any, len), 0);
	len = sizeof(sa);
	ck_assert_int_eq(getsockname(fd, &sa.any, &len), 0);
	if (kind == WIRE_UNIX) {
		(void)snprintf(address, 64, "unix:@%.*s",
			(int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
			sa.un.sun_path + 1);
	} else {
		(void)snprintf(address, 64, "127.0.0.1:%u", ntohs(sa.in.sin_port));
	}
	return fd;
}

int listen_anywhere(enum wire_kind kind, char address[64])
{
	int fd = bind_anywhere(kind, address);

	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

void server_open(struct test_server *server, enum wire_kind kind)
{
	*server = (struct test_server){.kind = kind, .watcher.ready = on_server_ready};
	server->side.fd = -1;
	server->side.in.fd = -1;
	sender_init(&server->side.out);
	fault_suspend();
	server->fd = listen_anywhere(kind, server->address);
	ck_assert_int_eq(loop_watch_listen(test_loop, server->fd, &server->watcher), 0);
	fault_resume();
}

void server_close(struct test_server *server)
{
	side_close(&server->side);
	if (server->watcher.ready != NULL) {
		loop_unwatch(test_loop, server->fd, &server->watcher);
	}
	close(server->fd);
}

void server_block(struct test_server *server)
{
	loop_unwatch(test_loop, server->fd, &server->watcher);
}

void house_refused_address(struct house *house, char address[64])
{
	ck_assert_uint_lt(house->n_refusing, HOUSE_SERVERS_MAX);
	house->refusing[house->n_refusing++] = bind_anywhere(WIRE_TCP, address);
}
