/* SPDX-License-Identifier: ISC */
#include "eject_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "log/log.h"
#include "vtime.h"

struct groups groups;
struct ejections ejections;
struct conf_server servers[EJECT_SERVERS_MAX];
struct conf_upstream conf;
struct group_plan *plan;

static void name_servers(void)
{
	for (size_t i = 0; i < EJECT_SERVERS_MAX; i++) {
		const char *why;

		memset(&servers[i], 0, sizeof(servers[i]));
		(void)snprintf(servers[i].text, sizeof(servers[i].text), "127.0.0.1:%zu", i + 1);
		ck_assert_int_eq(addr_parse(servers[i].text, &servers[i].addr, &why), 0);
		servers[i].weight = 1;
	}
}

void eject_rig_setup(void)
{
	static char app[] = "app";

	fixture_setup();
	vtime_freeze();
	vtime_advance(seconds(1000));
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(groups_init(&groups, NULL, 1), 0);
	ck_assert_int_eq(ejections_open(&ejections, &groups, test_loop), 0);
	name_servers();
	conf = (struct conf_upstream){
		.name = app,
		.servers = servers,
		.n_servers = 3,
		.balance = BALANCE_FIRST,
		.tries = EJECT_SERVERS_MAX,
		.retry_for_ns = NS_NEVER,
		.slow_start_ns = NS_NEVER,
		.eject = {.on = true,
			.failures = 3,
			.within_ns = seconds(10),
			.for_ns = seconds(10),
			.at_most = 50},
	};
	plan = NULL;
}

static void drop_plan(struct group_plan *some)
{
	struct group *group = some->group;

	group_plan_unref(some);
	group_unref(group);
}

void eject_rig_teardown(void)
{
	if (plan != NULL) {
		drop_plan(plan);
	}
	ejections_close(&ejections);
	ejections_close(&ejections); /* closing twice is fine */
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	groups_fini(&groups);
	fixture_teardown();
}

void load(void)
{
	struct group_plan *before = plan;
	struct group *group = group_get(&groups, conf.name);

	ck_assert_ptr_nonnull(group);
	plan = group_plan_new(&groups.servers, group, &conf);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
	ejections_settle(&ejections);
	if (before != NULL) {
		drop_plan(before);
	}
}

void tell(size_t i, enum server_outcome outcome)
{
	group_told(plan->group, plan->members[i], outcome,
		outcome == SERVER_REFUSED ? -ECONNRESET : -ECONNREFUSED);
	loop_settle();
}

void let_fail(size_t i, unsigned n)
{
	for (; n > 0; n--) {
		tell(i, SERVER_FAILED);
	}
}

bool is_ejected(size_t i)
{
	return plan->members[i]->server->states.is_ejected;
}

size_t n_ejected(void)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_members; i++) {
		n += is_ejected(i);
	}
	return n;
}

const char *chosen(void)
{
	static char text[4 * EJECT_SERVERS_MAX];
	struct group_tried tried = {0};
	struct group_ask ask = {.tried = &tried};
	struct member *member;

	text[0] = '\0';
	while (group_next(plan->group, &ask, &member) == GROUP_SERVER) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%d", len > 0 ? " " : "",
			ntohs(member->server->addr.sa.in.sin_port) - 1);
		ck_assert_int_eq(group_tried_add(&tried, member->server), 0);
		group_left(plan->group, member);
		member_unref(member);
	}
	group_tried_clear(&tried);
	return text;
}

void assert_returns_in(size_t i, uint64_t ns)
{
	vtime_pass(ns - 1);
	ck_assert(is_ejected(i));
	vtime_pass(1);
	ck_assert(!is_ejected(i));
}
