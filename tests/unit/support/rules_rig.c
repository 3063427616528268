/* SPDX-License-Identifier: ISC */
#include "rules_rig.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fixture.h"

struct groups groups;
struct conf_server servers[SERVERS_MAX];
struct conf_upstream conf;
struct group_plan *plan;
const char *name_asked;
const struct group_plan *plan_asked;
uint16_t port_asked;

static char app[] = "app";
static char names[SERVERS_MAX][8];

/* ---- a group ---- */

/** Fills in servers a, b, c, ...; after 26 of them s26, s27, ... */
void have_servers(size_t n, const uint32_t *weights)
{
	for (size_t i = 0; i < n; i++) {
		const char *why;

		(void)snprintf(names[i], sizeof(names[i]), i < 26 ? "%c" : "s%d",
			i < 26 ? 'a' + (int)i : (int)i);
		servers[i] = (struct conf_server){.name = names[i], .weight = weights[i]};
		(void)snprintf(servers[i].text, sizeof(servers[i].text), "127.0.0.1:%zu", 1 + i);
		ck_assert_int_eq(addr_parse(servers[i].text, &servers[i].addr, &why), 0);
	}
	conf = (struct conf_upstream){.name = app,
		.servers = servers,
		.n_servers = n,
		.retry_for_ns = NS_NEVER,
		/* A group without servers finds them by DNS. */
		.discovery.kind = n == 0 ? DISCOVER_DNS : DISCOVER_NONE};
}

void have_equal_servers(size_t n)
{
	uint32_t weights[SERVERS_MAX];

	for (size_t i = 0; i < n; i++) {
		weights[i] = 1;
	}
	have_servers(n, weights);
}

void make(enum conf_balance balance)
{
	struct group *group = group_get(&groups, conf.name);

	conf.balance = balance;
	ck_assert_ptr_nonnull(group);
	plan = group_plan_new(&groups.servers, group, &conf);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
}

void drop(void)
{
	struct group *group = plan->group;

	group_plan_unref(plan);
	group_unref(group);
}

void rules_setup(void)
{
	fixture_setup();
	ck_assert_int_eq(groups_init(&groups, NULL, CHOOSERS), 0);
}

void rules_teardown(void)
{
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	groups_fini(&groups);
	fixture_teardown();
}

void set_down(size_t i, bool is_down)
{
	plan->members[i]->server->states.is_down = is_down;
	group_refresh(plan->group);
}

void fill(size_t i, bool is_full)
{
	struct server *server = plan->members[i]->server;

	atomic_store(&server->max_pairs, 1);
	if (is_full) {
		ck_assert(server_take(server));
	} else {
		server_give(server);
	}
}

const struct sockaddr *client_of(uint32_t address, uint16_t port)
{
	static struct sockaddr_in client = {.sin_family = AF_INET};

	client.sin_addr.s_addr = htonl(address);
	client.sin_port = htons(port);
	return (const struct sockaddr *)(const void *)&client;
}

/* ---- asking for servers ---- */

/** Returns the next server; its place stays taken. '-': there is none; '!': all are full. */
char take(const struct sockaddr *client, struct group_tried *tried)
{
	static struct group_tried none;
	struct group_ask ask = {.tried = tried == NULL ? &none : tried, .client = client};
	struct member *member;
	char name;

	ask.port = port_asked;
	ask.plan = plan_asked;
	if (name_asked != NULL) {
		group_ask_name(&ask, (const uint8_t *)name_asked, strlen(name_asked));
	}
	switch (group_next(plan->group, &ask, &member)) {
	case GROUP_SERVER:
		break;
	case GROUP_FULL:
		return '!';
	default:
		return '-';
	}
	if (tried != NULL) {
		ck_assert_int_eq(group_tried_add(tried, member->server), 0);
	}
	name = member->name[0];
	member_unref(member); /* the plan keeps a reference */
	return name;
}

void give(char name)
{
	if (name >= 'a') {
		group_left(plan->group, plan->members[name - 'a']);
	}
}

/** Expects these picks, for pairs that end at once. */
void expect_picks(const struct sockaddr *client, const char *expected)
{
	char picks[PICKS_MAX] = "";

	for (size_t i = 0; expected[i] != '\0'; i++) {
		picks[i] = take(client, NULL);
		give(picks[i]);
	}
	ck_assert_str_eq(picks, expected);
}

/** Expects these picks in one round, in which each server fails. */
void expect_round(const struct sockaddr *client, const char *expected)
{
	struct group_tried tried = {0};
	char picks[PICKS_MAX] = "";

	for (size_t i = 0; expected[i] != '\0'; i++) {
		picks[i] = take(client, &tried);
		give(picks[i]);
	}
	ck_assert_str_eq(picks, expected);
	group_tried_clear(&tried);
}
