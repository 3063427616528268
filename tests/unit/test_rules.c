/* SPDX-License-Identifier: ISC */
/*
 * Tests of which server each rule picks, and in which order. The rule "hash" is in
 * test_rule_hash.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "rules_rig.h"
#include "suite.h"

/* ---- round_robin ---- */

static const struct {
	enum conf_balance balance;
	size_t n;
	uint32_t weights[5];
	const char *picks; /* each pair ends at once */
} orders[] = {
	{BALANCE_ROUND_ROBIN, 1, {1}, "aaaa"},
	{BALANCE_ROUND_ROBIN, 3, {1, 1, 1}, "abcabcabc"},
	{BALANCE_ROUND_ROBIN, 3, {1, 2, 3}, "cbacbccbacbc"},
	{BALANCE_ROUND_ROBIN, 3, {5, 1, 1}, "abaaacaabaaaca"},
	{BALANCE_ROUND_ROBIN, 3, {100, 0, 50}, "acaaca"},
	{BALANCE_ROUND_ROBIN, 2, {0, 0}, "--"},
	{BALANCE_ROUND_ROBIN, 0, {0}, "!!"}, /* no server was found yet */
	{BALANCE_RANDOM, 1, {1}, "aaaa"},
	{BALANCE_RANDOM, 3, {1, 1, 1}, "cbacaaacacbc"},
	{BALANCE_RANDOM, 3, {8, 0, 1}, "aaaaaaaaaaaaccaccaaaaaaa"},
	{BALANCE_RANDOM, 2, {0, 0}, "--"},
	{BALANCE_LEAST_PAIRS, 3, {1, 1, 1}, "abcabc"},
	{BALANCE_FIRST, 3, {1, 2, 3}, "aaaaaa"},
};

START_TEST(picks_come_in_this_order)
{
	have_servers(orders[_i].n, orders[_i].weights);
	make(orders[_i].balance);
	expect_picks(NULL, orders[_i].picks);
	drop();
}
END_TEST

/** Reads a row of the table in docs/UPSTREAMS.md, and calls make() for it. Returns false if the
 * line is no such row. */
static bool read_row(const char *line, bool *ret_stay, char *picks)
{
	static const char *const rules[] = {
		[BALANCE_ROUND_ROBIN] = "round_robin",
		[BALANCE_LEAST_PAIRS] = "least_pairs",
		[BALANCE_RANDOM] = "random",
		[BALANCE_HASH] = "hash",
		[BALANCE_FIRST] = "first",
	};
	uint32_t weights[5] = {0};
	char rule[16];
	char of[64];
	char pairs[8];
	char spaced[128];
	int balance = 0;
	size_t n = 0;

	if (sscanf(line, "| `%15[a-z_]` | %63[^|]| %7[a-z] | %127[^|]", rule, of, pairs, spaced) !=
		4) {
		return false;
	}
	while (strcmp(rules[balance], rule) != 0) {
		if (++balance > BALANCE_FIRST) {
			return false; /* the heading */
		}
	}
	for (char *name = of; name != NULL; n++) {
		ck_assert_int_eq(name[0], 'a' + (int)n);
		weights[n] = (uint32_t)strtoul(name + 2, &name, 10);
		name = *name == ',' ? name + 2 : NULL;
	}
	have_servers(n, weights);
	make((enum conf_balance)balance);
	for (const char *pick = spaced; *pick != '\0'; pick++) {
		*picks = *pick;
		picks += *pick != ' ';
	}
	*picks = '\0';
	*ret_stay = strcmp(pairs, "stay") == 0;
	return true;
}

START_TEST(picks_come_as_the_document_says)
{
	char path[512];
	char line[512];
	char expected[128];
	unsigned n_rows = 0;
	bool stay;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/docs/UPSTREAMS.md", getenv("WEIR_SOURCE_ROOT"));
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char picks[PICKS_MAX] = "";
		size_t n = 0;

		if (!read_row(line, &stay, expected)) {
			continue;
		}
		for (; expected[n] != '\0'; n++) {
			picks[n] = take(client_of(0xc0000200 + (uint32_t)n, 1), NULL);
			if (!stay) {
				give(picks[n]);
			}
		}
		ck_assert_str_eq(picks, expected);
		while (stay && n > 0) {
			give(picks[--n]);
		}
		drop();
		n_rows++;
	}
	(void)fclose(file);
	ck_assert_uint_ge(n_rows, 9);
}
END_TEST

START_TEST(a_connect_that_fails_goes_on_to_whose_turn_is_next)
{
	have_servers(3, (const uint32_t[]){1, 2, 3});
	make(BALANCE_ROUND_ROBIN); /* c b a c b c */
	expect_round(NULL, "cba--");
	expect_round(NULL, "cba");
	drop();
}
END_TEST

START_TEST(a_full_server_gives_its_turn_to_the_next)
{
	have_equal_servers(3);
	make(BALANCE_ROUND_ROBIN);
	fill(1, true);
	expect_picks(NULL, "accacc");
	fill(0, true);
	fill(2, true);
	expect_picks(NULL, "!!");
	fill(1, false);
	expect_picks(NULL, "bb");
	fill(0, false);
	fill(2, false);
	drop();
}
END_TEST

START_TEST(the_last_one_that_has_a_place_is_found_among_many)
{
	static const enum conf_balance balances[] = {
		BALANCE_ROUND_ROBIN, BALANCE_RANDOM, BALANCE_HASH};

	have_equal_servers(SERVERS_MAX);
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		servers[i].max_pairs = 1;
		servers[i].weight = i == 5 ? 1 : 256;
	}
	make(balances[_i]);
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		if (i != 5) {
			fill(i, true);
		}
	}
	for (uint32_t i = 0; i < 20; i++) {
		expect_picks(client_of(i, 1), "f");
	}
	fill(5, true);
	expect_picks(client_of(1, 1), "!");
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		fill(i, false);
	}
	drop();
}
END_TEST

START_TEST(a_set_that_changes_goes_on_with_the_count)
{
	have_equal_servers(3);
	make(BALANCE_ROUND_ROBIN);
	expect_picks(NULL, "abca");
	set_down(1, true); /* after four picks, a is the next of two */
	expect_picks(NULL, "aca");
	set_down(1, false); /* after seven picks, b is the next of three */
	expect_picks(NULL, "bca");
	drop();
}
END_TEST

START_TEST(backups_take_turns_while_no_other_is_usable)
{
	static const enum conf_balance balances[] = {
		BALANCE_ROUND_ROBIN, BALANCE_RANDOM, BALANCE_HASH, BALANCE_LEAST_PAIRS};

	have_equal_servers(4);
	servers[2].backup = true;
	servers[3].backup = true;
	make(balances[_i]);
	fill(0, true);
	fill(1, true);
	expect_picks(NULL, "!"); /* servers that are full are still usable */
	set_down(0, true);
	set_down(1, true);
	for (uint32_t i = 0; i < 20; i++) {
		char pick = take(client_of(i, 1), NULL);

		ck_assert(pick == 'c' || pick == 'd');
		give(pick);
	}
	fill(0, false);
	fill(1, false);
	drop();
}
END_TEST

/* ---- random ---- */

START_TEST(the_better_of_two_is_taken)
{
	have_equal_servers(2);
	make(BALANCE_RANDOM); /* of two servers the rule always compares both */
	for (unsigned i = 0; i < 100; i++) {
		uint32_t n_a;
		uint32_t n_b;

		ck_assert_int_ge(take(NULL, NULL), 'a');
		n_a = atomic_load(&plan->members[0]->server->n_open);
		n_b = atomic_load(&plan->members[1]->server->n_open);
		ck_assert_uint_le(n_a, n_b + 1);
		ck_assert_uint_le(n_b, n_a + 1);
	}
	for (unsigned i = 0; i < 100; i++) {
		give((char)('a' + i % 2));
	}
	drop();
}
END_TEST

START_TEST(random_tries_all_and_none_twice)
{
	have_servers(5, (const uint32_t[]){200, 1, 1, 1, 1});
	make(BALANCE_RANDOM);
	for (unsigned k = 0; k < 50; k++) {
		struct group_tried tried = {0};
		unsigned seen = 0;

		for (unsigned i = 0; i < 5; i++) {
			char pick = take(NULL, &tried);

			ck_assert_int_ge(pick, 'a');
			seen |= 1U << (pick - 'a');
			give(pick);
		}
		ck_assert_uint_eq(seen, 0x1f);
		ck_assert_int_eq(take(NULL, &tried), '-');
		group_tried_clear(&tried);
	}
	drop();
}
END_TEST

/**
 * Returns what take() gives a client that came by `port` and began with the plan `own`. Gives the
 * place back.
 */
static char own_pick(const struct group_plan *own, uint16_t port)
{
	char pick;

	plan_asked = own;
	port_asked = port;
	pick = take(NULL, NULL);
	if (pick >= 'a') {
		group_left(own->group, own->members[pick - 'a']);
	}
	plan_asked = NULL;
	port_asked = 0;
	return pick;
}

START_TEST(who_came_by_a_port_that_is_gone_or_to_come_gets_the_server_of_its_own_config)
{
	struct group_plan *own;
	struct group_plan *single;

	have_equal_servers(4);
	conf.first_port = 8000;
	conf.balance = BALANCE_PORTS;
	conf.n_servers = 2;
	make(BALANCE_PORTS); /* ports 8000 and 8001 are in force */
	conf.n_servers = 4;
	own = group_plan_new(&groups.servers, plan->group, &conf);
	conf.balance = BALANCE_ROUND_ROBIN;
	conf.n_servers = 1;
	single = group_plan_new(&groups.servers, plan->group, &conf);
	ck_assert(own != NULL && single != NULL);
	ck_assert_int_eq(own_pick(own, 8001), 'b');
	ck_assert_int_eq(own_pick(own, 8003), 'd');
	ck_assert_int_eq(own_pick(own, 8004), '-');
	ck_assert_int_eq(own_pick(single, 0), 'a');
	set_down(0, true);
	ck_assert_int_eq(own_pick(own, 8000), '-');
	ck_assert_int_eq(own_pick(own, 8002), 'c');
	ck_assert_int_eq(own_pick(single, 0), '-');
	set_down(0, false);
	/* `own` has a range of ports that is not in force yet. */
	ck_assert_int_eq(group_install(plan->group, single), 0);
	ck_assert_int_eq(own_pick(own, 8000), 'a');
	ck_assert_int_eq(own_pick(own, 8003), 'd');
	group_plan_unref(own);
	group_plan_unref(single);
	drop();
}
END_TEST

/* ---- a port of a range, and no memory ---- */

START_TEST(who_comes_by_a_port_of_a_range_gets_its_server_and_no_other)
{
	have_equal_servers(3);
	conf.first_port = 8000;
	make(BALANCE_PORTS);
	for (port_asked = 8000; port_asked < 8003; port_asked++) {
		char expected[] = {'a' + (char)(port_asked - 8000), '-', '\0'};

		expect_round(NULL, expected);
	}
	port_asked = 7999;
	expect_picks(NULL, "-");
	port_asked = 8003;
	expect_picks(NULL, "-");
	port_asked = 8001;
	set_down(0, true);
	expect_picks(NULL, "bb");
	set_down(1, true);
	expect_picks(NULL, "-");
	port_asked = 8002;
	expect_picks(NULL, "cc");
	port_asked = 0;
	drop();
}
END_TEST

START_TEST(a_set_that_cannot_be_made_leaves_that_before)
{
	bool failed = true;

	have_equal_servers(3);
	make((enum conf_balance)_i);
	for (unsigned n = 1; failed; n++) {
		plan->members[0]->server->states.is_down = true;
		fault_arm(n);
		fault_set_errno(ENOMEM);
		group_refresh(plan->group);
		failed = fault_disarm();
		if (failed && _i == BALANCE_ROUND_ROBIN) {
			char pick;

			do {
				pick = take(NULL, NULL);
				give(pick);
			} while (pick != 'a');
		}
		groups_tick(&groups);
		for (unsigned i = 0; i < 6; i++) {
			char pick = take(client_of(i, 1), NULL);

			ck_assert_int_ge(pick, 'b');
			give(pick);
		}
		set_down(0, false);
		ck_assert_uint_lt(n, 20);
	}
	drop();
}
END_TEST

/* ---- several threads ---- */

enum { TURNS = 600, SHARE = 10 }; /* SHARE is the sum of the weights 1, 2, 3, 4 */

struct chooser {
	pthread_t thread;
	size_t index;
	unsigned n_picks;
	unsigned n_of[4];
};

static void *choose_many(void *arg)
{
	struct chooser *chooser = arg;
	struct group_tried none = {0};
	struct sockaddr_in client = {.sin_family = AF_INET};
	struct group_ask ask = {.worker = chooser->index,
		.tried = &none,
		.client = (const struct sockaddr *)(const void *)&client};

	for (unsigned i = 0; i < chooser->n_picks; i++) {
		struct member *member;

		client.sin_addr.s_addr = i;
		if (plan->balance == BALANCE_ROUND_ROBIN) {
			ask.client = NULL;
		}
		if (group_next(plan->group, &ask, &member) != GROUP_SERVER) {
			continue;
		}
		chooser->n_of[member->name[0] - 'a']++;
		group_left(plan->group, member);
		member_unref(member);
	}
	return NULL;
}

/**
 * All threads pick at the same time, and `meanwhile` runs beside them. `n_of` counts the picks of
 * each server.
 */
static void choose_by_threads(unsigned n_picks, void (*meanwhile)(void), unsigned n_of[4])
{
	struct chooser choosers[CHOOSERS] = {{0}};

	for (size_t i = 0; i < CHOOSERS; i++) {
		choosers[i].index = i;
		choosers[i].n_picks = n_picks;
		ck_assert_int_eq(
			pthread_create(&choosers[i].thread, NULL, choose_many, &choosers[i]), 0);
	}
	meanwhile();
	for (size_t i = 0; i < CHOOSERS; i++) {
		ck_assert_int_eq(pthread_join(choosers[i].thread, NULL), 0);
		for (size_t k = 0; k < 4; k++) {
			n_of[k] += choosers[i].n_of[k];
		}
	}
}

static void do_nothing(void)
{
}

START_TEST(rotation_is_exact_over_all_workers_together)
{
	have_servers(4, (const uint32_t[]){1, 2, 3, 4});
	make(BALANCE_ROUND_ROBIN);
	for (unsigned k = 1; k < 20; k++) {
		unsigned n_of[4] = {0};

		choose_by_threads(TURNS * SHARE / CHOOSERS / k * k, do_nothing, n_of);
		for (unsigned i = 0; i < 4; i++) {
			unsigned n = TURNS * SHARE / CHOOSERS / k * k * CHOOSERS;

			/* n picks are n / SHARE whole rounds, and perhaps a part of one. */
			ck_assert_uint_ge(n_of[i], n / SHARE * (i + 1));
			ck_assert_uint_le(n_of[i], (n + SHARE - 1) / SHARE * (i + 1));
		}
	}
	drop();
}
END_TEST

static void change_all(void)
{
	for (unsigned i = 0; i < 500; i++) {
		set_down(i % 3, i % 2 == 0);
	}
}

START_TEST(workers_choose_by_every_rule_while_the_set_is_replaced)
{
	unsigned n_of[4] = {0};

	have_servers(4, (const uint32_t[]){1, 2, 3, 4});
	make((enum conf_balance)_i);
	choose_by_threads(5000, change_all, n_of);
	ck_assert_uint_eq(n_of[0] + n_of[1] + n_of[2] + n_of[3], 5000 * CHOOSERS);
	drop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tc = tcase_create("rules");

	tcase_add_checked_fixture(tc, rules_setup, rules_teardown);
	tcase_add_loop_test(tc, picks_come_in_this_order, 0, sizeof(orders) / sizeof(orders[0]));
	tcase_add_test(tc, picks_come_as_the_document_says);
	tcase_add_test(tc, a_connect_that_fails_goes_on_to_whose_turn_is_next);
	tcase_add_test(tc, a_full_server_gives_its_turn_to_the_next);
	tcase_add_loop_test(tc, the_last_one_that_has_a_place_is_found_among_many, 0, 3);
	tcase_add_test(tc, a_set_that_changes_goes_on_with_the_count);
	tcase_add_loop_test(tc, backups_take_turns_while_no_other_is_usable, 0, 4);
	tcase_add_test(tc, the_better_of_two_is_taken);
	tcase_add_test(tc, random_tries_all_and_none_twice);
	tcase_add_test(tc, who_comes_by_a_port_of_a_range_gets_its_server_and_no_other);
	tcase_add_test(
		tc, who_came_by_a_port_that_is_gone_or_to_come_gets_the_server_of_its_own_config);
	tcase_add_loop_test(tc, a_set_that_cannot_be_made_leaves_that_before, 0, BALANCE_FIRST + 1);
	tcase_add_test(tc, rotation_is_exact_over_all_workers_together);
	tcase_add_loop_test(
		tc, workers_choose_by_every_rule_while_the_set_is_replaced, 0, BALANCE_FIRST + 1);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
