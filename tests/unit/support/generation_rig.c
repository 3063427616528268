/* SPDX-License-Identifier: ISC */
#include "generation_rig.h"

#include <string.h>

#include "log/log.h"
#include "proxy/generation.h"
#include "proxy/limits.h"
#include "proxy/offer.h"

struct house house;
struct test_server server;
struct side client;

struct conf next_conf;
struct conf_listener next_listeners[2];

struct conf_prefixes anybody = {.any = true};
struct conf_prefixes nobody = {.any = false};

void generation_rig_open(void)
{
	fixture_setup();
	log_set_level(LOG_LEVEL_ERROR);
	house_open(&house);
	server_open(&server, WIRE_TCP);
	client = (struct side){.fd = -1, .near = -1, .in.fd = -1};
	sender_init(&client.out);
	house_add_server(&house, server.address);
	memcpy(next_listeners, house.listeners, sizeof(next_listeners));
	next_conf = house.conf;
	next_conf.listeners = next_listeners;
	refs_init(&next_conf.refs);
}

void generation_rig_close(void)
{
	server_close(&server);
	side_close(&client);
	loop_until(house.proxy.part.n_sessions == 0);
	house_close(&house);
	ck_assert_uint_eq(refs_count(&next_conf.refs), 1);
	fixture_teardown();
}

struct generation *turn(void)
{
	struct generation *before = house.shared.generation;
	struct generation *next = generation_new(&next_conf, &house.shared);

	ck_assert_ptr_nonnull(next);
	generation_enforce(next, &house.shared.places, 0);
	house.shared.generation = next;
	proxy_switch(&house.proxy, next);
	return before;
}

struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

void begin(size_t i)
{
	unsigned n = server.n_accepted;

	side_close(&client);
	house_session(&house, i, WIRE_TCP, &client);
	side_receive(&client);
	loop_until(server.n_accepted == n + 1);
}

void end(void)
{
	side_reset(&client);
	loop_until(house.proxy.part.n_sessions == 0);
}

uint64_t counted(size_t counter)
{
	return limits_sum(house.shared.generation->offers[0]->limit, counter);
}
