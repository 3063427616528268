/* SPDX-License-Identifier: ISC */
/* What an administrator sets for servers, and how a server that comes back starts slowly. */
#include "upstream/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"
#include "upstream/group.h"
#include "upstream/set.h"
#include "upstream/weight.h"
#include "vtime.h"

static char app[] = "app";
static struct conf_server servers[2];
static struct conf_upstream conf;
static struct groups groups;
static struct group *group;
static struct group_plan *plan;

static void set_up(void)
{
	static char names[2][2] = {"a", "b"};
	const char *why;

	fixture_setup();
	vtime_freeze();
	ck_assert_int_eq(groups_init(&groups, NULL, 1), 0);
	for (size_t i = 0; i < 2; i++) {
		servers[i] = (struct conf_server){.name = names[i], .weight = 3};
		(void)snprintf(servers[i].text, sizeof(servers[i].text), "127.0.0.1:%zu", i + 1);
		ck_assert_int_eq(addr_parse(servers[i].text, &servers[i].addr, &why), 0);
	}
	conf = (struct conf_upstream){
		.name = app,
		.servers = servers,
		.n_servers = 2,
		.slow_start_ns = 10 * (uint64_t)NS_PER_S,
		.balance = BALANCE_FIRST,
		.retry_for_ns = NS_NEVER,
	};
	group = group_get(&groups, app);
	ck_assert_ptr_nonnull(group);
	plan = group_plan_new(&groups.servers, group, &conf);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
}

/** Puts a config into force that has the first `n_servers` servers. */
static void reload(size_t n_servers)
{
	conf.n_servers = n_servers;
	group_plan_unref(plan);
	plan = group_plan_new(&groups.servers, group, &conf);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
}

static void tear_down(void)
{
	plan = group_plan_unref(plan);
	groups_fini(&groups); /* forgets the servers that start slowly */
	group = group_unref(group);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	fixture_teardown();
}

static void say_state(const char *name, enum server_state state)
{
	struct admin_word word = {.has_state = true, .state = state};

	ck_assert_int_eq(admin_tell(group, name, &word), 0);
}

static void say_weight(const char *name, uint32_t weight)
{
	struct admin_word word = {.has_weight = true, .weight = weight};

	ck_assert_int_eq(admin_tell(group, name, &word), 0);
}

/** Checks the weights that the servers have for new pairs; 0: the server is not chosen. */
static void expect_weights(uint32_t a, uint32_t b)
{
	const struct group_set *set = atomic_load(&group->set);
	uint32_t found[2] = {0};

	for (size_t i = 0; i < set->n; i++) {
		found[set->choices[i].server == plan->members[1]->server] = set->choices[i].weight;
	}
	ck_assert_msg(found[0] == a && found[1] == b, "%u and %u, not %u and %u", found[0],
		found[1], a, b);
}

static void set_down(size_t i, bool is_down)
{
	plan->members[i]->server->states.is_down = is_down;
	group_refresh(group);
}

START_TEST(a_word_decides_who_takes_new_pairs_whatever_the_check_says)
{
	static const struct {
		enum server_state state;
		bool is_down;
		uint32_t weight;
	} cases[] = {
		{SERVER_AUTO, false, 3},
		{SERVER_AUTO, true, 0},
		{SERVER_DRAIN, false, 0},
		{SERVER_DRAIN, true, 0},
		{SERVER_DOWN, false, 0},
		{SERVER_DOWN, true, 0},
		{SERVER_UP, false, 3},
		{SERVER_UP, true, 3},
	};

	conf.slow_start_ns = NS_NEVER;
	plan->slow_start_ns = NS_NEVER;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_down(0, cases[i].is_down);
		say_state("a", cases[i].state);
		expect_weights(cases[i].weight, 3);
	}
}
END_TEST

START_TEST(a_weight_holds_over_reloads_until_it_is_given_back)
{
	struct admin_word back = {.has_weight = true, .gives_back = true};

	say_weight("a", 7);
	expect_weights(7, 3);
	say_weight("b", 0);
	expect_weights(7, 0);
	servers[0].weight = 5;
	reload(2);
	expect_weights(7, 0);
	ck_assert_int_eq(admin_tell(group, "a", &back), 0);
	expect_weights(5, 0);
}
END_TEST

START_TEST(a_word_holds_while_no_config_has_the_server_and_then_takes_no_memory)
{
	struct admin_word back = {
		.has_state = true, .state = SERVER_AUTO, .has_weight = true, .gives_back = true};

	say_state("b", SERVER_DRAIN);
	say_weight("b", 7);
	reload(1);
	ck_assert_uint_eq(groups.servers.registry.table.n, 1); /* weir has forgotten the server */
	reload(2);
	expect_weights(3, 0);
	say_state("b", SERVER_AUTO);
	reload(1);
	reload(2);
	expect_weights(3, 7);
	ck_assert_uint_eq(groups.overrides.table.n, 1);
	ck_assert_int_eq(admin_tell(group, "b", &back), 0);
	ck_assert_uint_eq(groups.overrides.table.n, 0);
	reload(1);
	reload(2);
	expect_weights(3, 3);
}
END_TEST

START_TEST(a_word_is_for_one_upstream_and_one_address)
{
	static char other[] = "other";
	struct group *beside;
	struct group_plan *its;
	const char *why;

	say_weight("a", 7);
	beside = group_get(&groups, other);
	ck_assert_ptr_nonnull(beside);
	its = group_plan_new(&groups.servers, beside, &conf);
	ck_assert_ptr_nonnull(its);
	ck_assert_int_eq(group_install(beside, its), 0);
	ck_assert_uint_eq(weight_of(its->members[0]), 3);
	group_plan_unref(its);
	group_unref(beside);
	(void)snprintf(servers[0].text, sizeof(servers[0].text), "127.0.0.1:9");
	ck_assert_int_eq(addr_parse(servers[0].text, &servers[0].addr, &why), 0);
	reload(2);
	expect_weights(3, 3);
}
END_TEST

START_TEST(without_memory_a_word_changes_nothing)
{
	struct admin_word word = {.has_state = true, .state = SERVER_DRAIN};
	unsigned n = 0;
	int r = -ENOMEM;

	fault_only(FAULT_MEMORY);
	while (r < 0) {
		fault_arm(++n);
		r = admin_tell(group, "a", &word);
		if (fault_disarm() && r < 0) {
			ck_assert_int_eq(r, -ENOMEM);
			expect_weights(3, 3);
			ck_assert_uint_eq(groups.overrides.table.n, 0);
		}
	}
	ck_assert_uint_gt(n, 2); /* two allocations: the word and the table */
	expect_weights(0, 3);
}
END_TEST

START_TEST(a_word_that_cannot_be_said_changes_nothing)
{
	struct admin_word word = {.has_state = true,
		.state = SERVER_DOWN,
		.has_weight = true,
		.weight = CONF_WEIGHT_MAX + 1};

	ck_assert_int_eq(admin_tell(group, "a", &word), -ERANGE);
	ck_assert_int_eq(admin_tell(group, "c", &word), -ENOENT);
	ck_assert_int_eq(admin_tell(group, "127.0.0.1:1", &word), -ENOENT);
	expect_weights(3, 3);
}
END_TEST

START_TEST(a_server_that_comes_back_gets_its_weight_step_by_step)
{
	say_state("a", SERVER_DRAIN);
	expect_weights(0, 3);
	say_state("a", SERVER_AUTO);
	expect_weights(3, 30);
	for (uint32_t step = 2; step < 10; step++) {
		vtime_advance(NS_PER_S - 1);
		groups_tick(&groups);
		expect_weights(3 * (step - 1), 30); /* the next step never comes early */
		vtime_advance(1);
		groups_tick(&groups);
		expect_weights(3 * step, 30);
	}
	vtime_advance(NS_PER_S);
	groups_tick(&groups);
	expect_weights(3, 3);
	ck_assert(list_empty(&groups.stale));
}
END_TEST

START_TEST(both_that_start_slowly_share_alike)
{
	group_refresh_slowly(group, plan->members[0]->server);
	vtime_advance(5 * (uint64_t)NS_PER_S);
	group_refresh_slowly(group, plan->members[1]->server);
	expect_weights(18, 3);
	vtime_advance(5 * (uint64_t)NS_PER_S);
	groups_tick(&groups);
	expect_weights(30, 18);
}
END_TEST

START_TEST(where_weights_sum_to_much_steps_are_rounded)
{
	for (size_t i = 0; i < 2; i++) {
		plan->members[i]->weight = WEIGHT_SUM_FINE / 2 + (uint32_t)i;
	}
	group_refresh_slowly(group, plan->members[0]->server);
	expect_weights((WEIGHT_SUM_FINE / 2 + 9) / 10, WEIGHT_SUM_FINE / 2 + 1);
	plan->members[1]->weight = WEIGHT_SUM_FINE / 2;
	group_refresh(group);
	expect_weights(WEIGHT_SUM_FINE / 2, WEIGHT_SUM_FINE / 2 * 10);
}
END_TEST

START_TEST(at_the_start_nobody_starts_slowly)
{
	expect_weights(3, 3);
	ck_assert(list_empty(&groups.stale));
}
END_TEST

START_TEST(a_word_that_changes_no_state_is_no_slow_start)
{
	say_state("a", SERVER_UP);
	expect_weights(3, 3);
	say_weight("a", 4);
	expect_weights(4, 3);
}
END_TEST

START_TEST(each_state_has_a_word_and_no_other_word_is_one)
{
	static const char *const words[] = {"auto", "drain", "down", "up"};
	enum server_state state = SERVER_UP;

	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_str_eq(server_state_name((enum server_state)i), words[i]);
		ck_assert_int_eq(server_state_parse(words[i], &state), 0);
		ck_assert_int_eq(state, i);
	}
	ck_assert_int_eq(server_state_parse("Up", &state), -EINVAL);
	ck_assert_int_eq(server_state_parse("", &state), -EINVAL);
	ck_assert_int_eq(state, SERVER_UP);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin");
	TCase *tc = tcase_create("admin");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_word_decides_who_takes_new_pairs_whatever_the_check_says);
	tcase_add_test(tc, a_weight_holds_over_reloads_until_it_is_given_back);
	tcase_add_test(tc, a_word_holds_while_no_config_has_the_server_and_then_takes_no_memory);
	tcase_add_test(tc, a_word_is_for_one_upstream_and_one_address);
	tcase_add_test(tc, without_memory_a_word_changes_nothing);
	tcase_add_test(tc, a_word_that_cannot_be_said_changes_nothing);
	tcase_add_test(tc, a_server_that_comes_back_gets_its_weight_step_by_step);
	tcase_add_test(tc, both_that_start_slowly_share_alike);
	tcase_add_test(tc, where_weights_sum_to_much_steps_are_rounded);
	tcase_add_test(tc, at_the_start_nobody_starts_slowly);
	tcase_add_test(tc, a_word_that_changes_no_state_is_no_slow_start);
	tcase_add_test(tc, each_state_has_a_word_and_no_other_word_is_one);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
