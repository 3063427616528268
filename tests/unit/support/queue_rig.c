/* SPDX-License-Identifier: ISC */
#include "queue_rig.h"

#include <stdio.h>
#include <string.h>

#include "fixture.h"

struct groups groups;
struct group *group;
struct group_plan *plan;
struct client clients[QUEUE_CLIENTS_MAX];
char order[QUEUE_CLIENTS_MAX + 1];
static char app[] = "app";
static struct conf_server servers[QUEUE_SERVERS_MAX];
static struct conf_upstream conf;

static void on_told(struct group_waiter *waiter, enum group_answer said, struct member *member)
{
	struct client *client = container_of(waiter, struct client, waiter);

	client->n_told++;
	client->said = said;
	client->member = member;
	order[strlen(order)] = (char)('0' + (client - clients));
}

/** Puts a new config in force. */
static void install(void)
{
	struct group_plan *next = group_plan_new(&groups.servers, group, &conf);

	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(group_install(group, next), 0);
	if (plan != NULL) {
		group_plan_unref(plan);
	}
	plan = next;
}

void begin(size_t n_servers, uint32_t max_pairs, uint32_t queue_max)
{
	conf.n_servers = n_servers;
	conf.discovery.kind = n_servers == 0 ? DISCOVER_DNS : DISCOVER_NONE;
	conf.queue_max = queue_max;
	for (size_t i = 0; i < n_servers; i++) {
		servers[i].max_pairs = max_pairs;
	}
	install();
}

void queue_rig_setup(void)
{
	fixture_setup();
	ck_assert_int_eq(groups_init(&groups, NULL, QUEUE_WORKERS), 0);
	memset(servers, 0, sizeof(servers));
	for (size_t i = 0; i < QUEUE_SERVERS_MAX; i++) {
		const char *why;

		(void)snprintf(servers[i].text, sizeof(servers[i].text), "127.0.0.1:%zu", i + 1);
		ck_assert_int_eq(addr_parse(servers[i].text, &servers[i].addr, &why), 0);
		servers[i].weight = 1;
	}
	conf = (struct conf_upstream){.name = app,
		.servers = servers,
		.balance = BALANCE_FIRST,
		.retry_for_ns = NS_NEVER};
	group = group_get(&groups, app);
	ck_assert_ptr_nonnull(group);
	plan = NULL;
	memset(clients, 0, sizeof(clients));
	memset(order, 0, sizeof(order));
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		group_waiter_init(&clients[i].waiter, test_loop, on_told);
		clients[i].waiter.ask.tried = &clients[i].tried;
	}
}

void give(struct client *client)
{
	ck_assert_ptr_nonnull(client->member);
	group_left(group, client->member);
	client->member = member_unref(client->member);
}

void queue_rig_teardown(void)
{
	ck_assert(queue_is_empty(&group->queue));
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		if (clients[i].member != NULL) {
			give(&clients[i]);
		}
		group_tried_clear(&clients[i].tried);
	}
	for (size_t i = 0; i < plan->n_members; i++) {
		ck_assert_uint_eq(plan->members[i]->server->n_open, 0);
	}
	group_plan_unref(plan);
	group_unref(group);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	groups_fini(&groups);
	fixture_teardown();
}

enum group_answer client_ask(struct client *client)
{
	client->said = group_next(group, &client->waiter.ask, &client->member);
	if (client->said == GROUP_FULL) {
		client->said = group_wait(group, &client->waiter, &client->member);
	}
	return client->said;
}
