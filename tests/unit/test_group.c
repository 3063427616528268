/* SPDX-License-Identifier: ISC */
/* Which server a group chooses next, and what of a group outlives a config. */
#include "upstream/group.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "fault.h"
#include "fixture.h"
#include "stream/resolver.h"
#include "suite.h"

enum { SERVERS_MAX = 3 };

static struct resolver *resolver;
static struct groups groups;
static char app[] = "app";
static struct conf_server servers[SERVERS_MAX];
static struct conf_upstream conf;

static void name_server(size_t i, const char *address)
{
	const char *why;

	memset(&servers[i], 0, sizeof(servers[i]));
	ck_assert_int_eq(addr_parse(address, &servers[i].addr, &why), 0);
	(void)snprintf(servers[i].text, sizeof(servers[i].text), "%s", address);
	servers[i].weight = 1;
}

static void set_up(void)
{
	fixture_setup();
	resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(resolver);
	ck_assert_int_eq(groups_init(&groups, resolver, 1), 0);
	name_server(0, "127.0.0.1:1");
	name_server(1, "127.0.0.1:2");
	name_server(2, "name.example:3");
	conf = (struct conf_upstream){.name = app,
		.servers = servers,
		.n_servers = SERVERS_MAX,
		.balance = BALANCE_FIRST,
		.retry_for_ns = NS_NEVER};
}

static void tear_down(void)
{
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	ck_assert(list_empty(&groups.failures.all));
	groups_fini(&groups);
	resolver_free(resolver);
	fixture_teardown();
}

/** Makes a plan of `conf` and takes a reference to its group. The first plan of a group is put
 * into force. */
static struct group_plan *make(void)
{
	struct group *group = group_get(&groups, conf.name);
	struct group_plan *plan;

	ck_assert_ptr_nonnull(group);
	plan = group_plan_new(&groups.servers, group, &conf);
	ck_assert_ptr_nonnull(plan);
	if (group->plan == NULL) {
		ck_assert_int_eq(group_install(group, plan), 0);
	}
	return plan;
}

static void drop(struct group_plan *plan)
{
	struct group *group = plan->group;

	group_plan_unref(plan);
	group_unref(group);
}

/** The next server of a round; its place is given back at once. NULL: *said tells why. */
static const char *next(struct group_plan *plan, struct group_tried *tried, enum group_answer *said)
{
	struct group_ask ask = {.tried = tried};
	struct member *member;
	const char *text = NULL;

	*said = group_next(plan->group, &ask, &member);
	if (*said == GROUP_SERVER) {
		text = member->text;
		ck_assert_int_eq(group_tried_add(tried, member->server), 0);
		group_left(plan->group, member);
		member_unref(member);
	}
	return text;
}

/** Expects these servers in a round, and then `end`. */
static void expect_round(struct group_plan *plan, const char *const *texts, enum group_answer end)
{
	struct group_tried tried = {0};
	enum group_answer said;

	for (; *texts != NULL; texts++) {
		ck_assert_str_eq(next(plan, &tried, &said), *texts);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_null(next(plan, &tried, &said)); /* and it stays the same */
		ck_assert_int_eq(said, end);
	}
	group_tried_clear(&tried);
}

#define EXPECT_ROUND(plan, end, ...)                                                               \
	expect_round(plan, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, end)

/* ---- choosing ---- */

START_TEST(servers_come_in_the_order_of_the_config_and_each_once)
{
	struct group_plan *plan = make();

	for (int i = 0; i < 2; i++) {
		EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2", "name.example:3");
	}
	drop(plan);
}
END_TEST

START_TEST(a_round_has_no_more_tries_than_the_config_says)
{
	struct group_plan *plan;

	conf.tries = 2;
	plan = make();
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2");
	drop(plan);
}
END_TEST

START_TEST(a_server_without_weight_takes_no_new_pairs)
{
	struct group_plan *plan;

	servers[0].weight = 0;
	plan = make();
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:2", "name.example:3");
	drop(plan);
}
END_TEST

START_TEST(a_backup_comes_only_while_no_other_is_usable)
{
	struct group_plan *plan;

	servers[0].backup = true;
	plan = make();
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:2", "name.example:3");
	plan->members[1]->server->states.is_down = true;
	group_refresh(plan->group);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "name.example:3");
	plan->members[2]->server->states.is_ejected = true;
	group_refresh(plan->group);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1");
	/* If no backup is usable either, ejected servers are used. */
	plan->members[0]->server->states.is_down = true;
	group_refresh(plan->group);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "name.example:3");
	plan->members[2]->server->states.is_down = true;
	group_refresh(plan->group);
	EXPECT_ROUND(plan, GROUP_NONE);
	drop(plan);
}
END_TEST

START_TEST(a_full_server_is_passed_over_and_said_to_be_full)
{
	struct group_tried tried = {0};
	struct group_ask ask = {.tried = &tried};
	struct group_plan *plan;
	struct member *first;
	struct member *second;

	conf.n_servers = 2;
	servers[0].max_pairs = 1;
	servers[1].max_pairs = 1;
	plan = make();
	ck_assert_int_eq(group_next(plan->group, &ask, &first), GROUP_SERVER);
	ck_assert_int_eq(group_next(plan->group, &ask, &second), GROUP_SERVER);
	ck_assert_str_eq(second->text, "127.0.0.1:2");
	EXPECT_ROUND(plan, GROUP_FULL);
	group_left(plan->group, first);
	/* The first server was tried, but the second may still get a free place. */
	EXPECT_ROUND(plan, GROUP_FULL, "127.0.0.1:1");
	group_left(plan->group, second);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2");
	member_unref(first);
	member_unref(second);
	drop(plan);
}
END_TEST

START_TEST(least_pairs_takes_the_fewest_for_its_weight_and_equal_ones_in_rotation)
{
	static const char *const order[] = {"a", "b", "b", "b", "a", "b"};
	struct group_tried none = {0};
	struct group_ask ask = {.tried = &none};
	struct member *members[sizeof(order) / sizeof(order[0])];
	static char name_a[] = "a";
	static char name_b[] = "b";
	struct group_plan *plan;

	conf.balance = BALANCE_LEAST_PAIRS;
	conf.n_servers = 2;
	servers[0].name = name_a;
	servers[1].name = name_b;
	servers[1].weight = 2;
	plan = make();
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		ck_assert_int_eq(group_next(plan->group, &ask, &members[i]), GROUP_SERVER);
		ck_assert_msg(
			strcmp(members[i]->name, order[i]) == 0, "%zu: %s", i, members[i]->name);
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		group_left(plan->group, members[i]);
		member_unref(members[i]);
	}
	drop(plan);
}
END_TEST

#define MS(n) ((uint64_t)(n)*NS_PER_MS)

START_TEST(waits_double_up_to_a_second_and_end_with_retry_for)
{
	static const uint64_t waits_ns[] = {
		MS(100), MS(200), MS(400), MS(800), MS(1000), MS(1000), MS(500)};
	struct group_plan plan = {.retry_for_ns = MS(4000)};
	uint64_t waited_ns = 0;
	unsigned n = 0;

	for (; n < sizeof(waits_ns) / sizeof(waits_ns[0]); n++) {
		uint64_t wait_ns = group_plan_wait_ns(&plan, n, waited_ns);

		ck_assert_uint_eq(wait_ns, waits_ns[n]);
		waited_ns += wait_ns;
	}
	ck_assert_uint_eq(waited_ns, MS(4000));
	ck_assert_uint_eq(group_plan_wait_ns(&plan, n, waited_ns), NS_NEVER);
}
END_TEST

START_TEST(without_retry_for_there_is_no_waiting)
{
	struct group_plan plan = {.retry_for_ns = NS_NEVER};

	ck_assert_uint_eq(group_plan_wait_ns(&plan, 0, 0), NS_NEVER);
}
END_TEST

START_TEST(many_retries_do_not_overflow)
{
	struct group_plan plan = {.retry_for_ns = NS_NEVER - 1};

	ck_assert_uint_eq(group_plan_wait_ns(&plan, UINT16_MAX, 0), MS(1000));
}
END_TEST

/* ---- what a plan has, and what is common to all plans ---- */

START_TEST(a_plan_is_a_copy)
{
	struct group_plan *plan;

	conf.socket.nodelay = true;
	conf.retry_for_ns = 7;
	plan = make();
	memset(app, 'x', sizeof(app) - 1);
	memset(servers, 'x', sizeof(servers));
	ck_assert_str_eq(plan->group->name, "app");
	ck_assert_str_eq(plan->group->failures.name, "app");
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2", "name.example:3");
	ck_assert(plan->socket.nodelay);
	ck_assert_uint_eq(plan->retry_for_ns, 7);
	drop(plan);
}
END_TEST

START_TEST(a_config_that_keeps_the_names_keeps_what_is_known)
{
	struct group_plan *plan = make();
	struct group_plan *next_plan;
	struct resolver_name *name;

	group_told(plan->group, plan->members[1], SERVER_FAILED, -ECONNREFUSED);
	group_told(plan->group, plan->members[1], SERVER_ANSWERED, 0);
	for (unsigned i = 0; i < OFTEN_LINES; i++) {
		ck_assert(often_count(&plan->group->failures));
	}
	/* Two servers are gone, one is new, one has another index, and the options are others. */
	name_server(0, "127.0.0.1:2");
	name_server(1, "127.0.0.1:4");
	conf.n_servers = 2;
	conf.retry_for_ns = 7;
	next_plan = make();
	ck_assert_ptr_eq(next_plan->group, plan->group);
	ck_assert_ptr_eq(next_plan->members[0]->server, plan->members[1]->server);
	ck_assert_ptr_null(plan->members[0]->server->name);
	name = resolver_name_get(resolver, "name.example");
	ck_assert_ptr_eq(plan->members[2]->server->name, name);
	(void)resolver_name_unref(name);
	ck_assert_uint_eq(plan->retry_for_ns, NS_NEVER);
	/* The group chooses by the plan in force, until the next is installed. */
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2", "name.example:3");
	ck_assert_int_eq(group_install(plan->group, next_plan), 0);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:2", "127.0.0.1:4");
	drop(plan);
	ck_assert_uint_eq(next_plan->members[0]->server->n_failed, 1);
	ck_assert_uint_eq(next_plan->members[1]->server->n_failed, 0);
	ck_assert(!often_count(&next_plan->group->failures)); /* no more warnings in this second */
	drop(next_plan);
}
END_TEST

START_TEST(a_server_is_called_as_the_config_in_force_calls_it)
{
	static char old_name[] = "old";
	static char new_name[] = "new";
	struct group_plan *plan;
	struct group_plan *renamed;

	servers[0].name = old_name;
	plan = make();
	servers[0].name = new_name;
	renamed = make();
	ck_assert_ptr_eq(renamed->members[0]->server, plan->members[0]->server);
	ck_assert_str_eq(plan->members[0]->name, "old");
	ck_assert_str_eq(renamed->members[0]->name, "new");
	ck_assert_str_eq(renamed->members[1]->name, "127.0.0.1:2");
	drop(plan);
	drop(renamed);
}
END_TEST

START_TEST(a_server_belongs_to_its_group)
{
	static char other[] = "other";
	struct group_plan *plan = make();
	struct group_plan *other_plan;

	conf.name = other;
	other_plan = make();
	ck_assert_ptr_ne(other_plan->group, plan->group);
	ck_assert_ptr_ne(other_plan->members[0]->server, plan->members[0]->server);
	drop(plan);
	drop(other_plan);
}
END_TEST

START_TEST(what_nobody_holds_any_more_begins_anew)
{
	struct group_plan *plan = make();
	uint64_t id = plan->members[0]->server->id;

	group_told(plan->group, plan->members[0], SERVER_FAILED, -ECONNREFUSED);
	drop(plan);
	plan = make();
	ck_assert_uint_eq(plan->members[0]->server->n_failed, 0);
	ck_assert_uint_ne(plan->members[0]->server->id, id);
	drop(plan);
}
END_TEST

/* ---- without memory ---- */

START_TEST(a_plan_that_cannot_be_made_leaves_nothing)
{
	bool failed = true;

	fault_set_errno(ENOMEM);
	for (unsigned n = 1; failed; n++) {
		struct group *group;
		struct group_plan *plan = NULL;
		bool ok = false;

		fault_arm(n);
		group = group_get(&groups, conf.name);
		if (group != NULL) {
			plan = group_plan_new(&groups.servers, group, &conf);
		}
		ok = plan != NULL && group_install(group, plan) == 0;
		failed = fault_disarm();
		ck_assert_int_eq(failed, !ok);
		group_plan_unref(plan);
		group_unref(group);
		ck_assert_uint_eq(groups.names.table.n + groups.servers.registry.table.n, 0);
		ck_assert_uint_lt(n, 50);
	}
}
END_TEST

START_TEST(a_change_without_memory_comes_when_there_is_some)
{
	struct group_plan *plan = make();

	plan->members[0]->server->states.is_down = true;
	fault_set_errno(ENOMEM);
	fault_arm(1);
	group_refresh(plan->group);
	ck_assert(fault_disarm());
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:1", "127.0.0.1:2", "name.example:3");
	groups_tick(&groups);
	EXPECT_ROUND(plan, GROUP_EXHAUSTED, "127.0.0.1:2", "name.example:3");
	drop(plan);
}
END_TEST

/* ---- several threads ---- */

enum { CHOOSERS = 4, PICKS = 20000 };

struct chooser {
	pthread_t thread;
	struct group *group;
	size_t index;
	unsigned n_full;
};

static void *choose_many(void *arg)
{
	struct chooser *chooser = arg;
	struct group_tried none = {0};
	struct group_ask ask = {.worker = chooser->index, .tried = &none};

	for (unsigned i = 0; i < PICKS; i++) {
		struct member *member;

		if (group_next(chooser->group, &ask, &member) == GROUP_SERVER) {
			uint32_t n = atomic_load(&member->server->n_open);

			ck_assert_uint_ge(n, 1);
			ck_assert_uint_le(n, 2);
			group_left(chooser->group, member);
			member_unref(member);
		} else {
			chooser->n_full++;
		}
	}
	return NULL;
}

START_TEST(workers_choose_while_the_set_is_replaced)
{
	struct chooser choosers[CHOOSERS] = {{0}};
	struct group_plan *plan;

	groups_fini(&groups);
	ck_assert_int_eq(groups_init(&groups, resolver, CHOOSERS), 0);
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		servers[i].max_pairs = 2;
	}
	conf.balance = BALANCE_LEAST_PAIRS;
	plan = make();
	for (size_t i = 0; i < CHOOSERS; i++) {
		choosers[i].group = plan->group;
		choosers[i].index = i;
		ck_assert_int_eq(
			pthread_create(&choosers[i].thread, NULL, choose_many, &choosers[i]), 0);
	}
	for (unsigned i = 0; i < 2000; i++) {
		plan->members[i % 3]->server->states.is_down ^= true;
		group_refresh(plan->group);
	}
	for (size_t i = 0; i < CHOOSERS; i++) {
		ck_assert_int_eq(pthread_join(choosers[i].thread, NULL), 0);
	}
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		ck_assert_uint_eq(plan->members[i]->server->n_open, 0);
	}
	drop(plan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group");
	TCase *tc = tcase_create("group");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, servers_come_in_the_order_of_the_config_and_each_once);
	tcase_add_test(tc, a_round_has_no_more_tries_than_the_config_says);
	tcase_add_test(tc, a_server_without_weight_takes_no_new_pairs);
	tcase_add_test(tc, a_backup_comes_only_while_no_other_is_usable);
	tcase_add_test(tc, a_full_server_is_passed_over_and_said_to_be_full);
	tcase_add_test(tc, least_pairs_takes_the_fewest_for_its_weight_and_equal_ones_in_rotation);
	tcase_add_test(tc, waits_double_up_to_a_second_and_end_with_retry_for);
	tcase_add_test(tc, without_retry_for_there_is_no_waiting);
	tcase_add_test(tc, many_retries_do_not_overflow);
	tcase_add_test(tc, a_plan_is_a_copy);
	tcase_add_test(tc, a_config_that_keeps_the_names_keeps_what_is_known);
	tcase_add_test(tc, a_server_is_called_as_the_config_in_force_calls_it);
	tcase_add_test(tc, a_server_belongs_to_its_group);
	tcase_add_test(tc, what_nobody_holds_any_more_begins_anew);
	tcase_add_test(tc, a_plan_that_cannot_be_made_leaves_nothing);
	tcase_add_test(tc, a_change_without_memory_comes_when_there_is_some);
	tcase_add_test(tc, workers_choose_while_the_set_is_replaced);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
