/* SPDX-License-Identifier: ISC */
/* Tests of the rule "hash": to which server each client goes. */
#include <stdio.h>
#include <string.h>

#include "rules_rig.h"
#include "suite.h"
#include "upstream/admin.h"
#include "upstream/maglev.h"
#include "vtime.h"

static unsigned n_tables;

struct maglev *__real_maglev_new(const struct maglev_server *of, size_t n);
struct maglev *__wrap_maglev_new(const struct maglev_server *of, size_t n);
struct maglev *__wrap_maglev_new(const struct maglev_server *of, size_t n)
{
	n_tables++;
	return __real_maglev_new(of, n);
}

enum { CLIENTS = 2000 };

/** Finds the server of each client. */
static void look(char picks[CLIENTS])
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		picks[i] = take(client_of(0x0a000000 + i, (uint16_t)i), NULL);
		give(picks[i]);
	}
}

START_TEST(a_client_keeps_its_server_and_only_those_of_a_lost_one_move)
{
	char before[CLIENTS];
	char during[CLIENTS];
	char after[CLIENTS];
	unsigned n_of[5] = {0};

	have_equal_servers(5);
	make(BALANCE_HASH);
	look(before);
	set_down(2, true);
	look(during);
	set_down(2, false);
	look(after);
	ck_assert_mem_eq(before, after, sizeof(before));
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (before[i] == 'c') {
			n_of[during[i] - 'a']++;
		} else {
			ck_assert_int_eq(during[i], before[i]);
		}
	}
	/* The clients of the third server are spread over all others. */
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(n_of[i] > CLIENTS / 5 / 8, i != 2);
	}
	ck_assert_uint_eq(n_tables, 1); /* the table was filled once */
	drop();
}
END_TEST

START_TEST(a_server_that_starts_slowly_gets_more_and_more_of_its_keys_and_no_other_moves)
{
	char all[CLIENTS];
	char picks[CLIENTS];
	bool has[CLIENTS] = {false};
	unsigned n_all = 0;

	vtime_freeze();
	have_equal_servers(4);
	conf.slow_start_ns = 10 * (uint64_t)NS_PER_S;
	make(BALANCE_HASH);
	look(all);
	for (unsigned i = 0; i < CLIENTS; i++) {
		n_all += all[i] == 'c';
	}
	group_refresh_slowly(plan->group, plan->members[2]->server);
	for (unsigned step = 1; step <= 10; step++) {
		unsigned n = 0;

		look(picks);
		for (unsigned i = 0; i < CLIENTS; i++) {
			ck_assert(all[i] == 'c' || picks[i] == all[i]);
			ck_assert(!has[i] || picks[i] == 'c');
			has[i] = picks[i] == 'c';
			n += has[i];
		}
		ck_assert_uint_ge(n * 10, n_all * step * 7 / 10);
		ck_assert_uint_le(n * 10, n_all * step + n_all);
		vtime_advance(NS_PER_S);
		groups_tick(&groups);
	}
	ck_assert_mem_eq(all, picks, sizeof(all));
	ck_assert_uint_eq(n_tables, 1);
	drop();
}
END_TEST

START_TEST(all_that_start_slowly_keep_their_keys)
{
	const uint32_t weights[] = {1, 5};
	char all[CLIENTS];
	char picks[CLIENTS];

	vtime_freeze();
	have_servers(2, weights);
	conf.slow_start_ns = 10 * (uint64_t)NS_PER_S;
	make(BALANCE_HASH);
	look(all);
	group_refresh_slowly(plan->group, plan->members[0]->server);
	group_refresh_slowly(plan->group, plan->members[1]->server);
	for (unsigned step = 1; step <= 10; step++) {
		look(picks);
		ck_assert_mem_eq(all, picks, sizeof(all));
		vtime_advance(NS_PER_S);
		groups_tick(&groups);
	}
	drop();
}
END_TEST

START_TEST(a_weight_that_an_administrator_gives_has_its_share_and_0_moves_no_other_key)
{
	struct admin_word word = {.has_weight = true, .weight = 0};
	char before[CLIENTS];
	char after[CLIENTS];
	unsigned n = 0;

	have_equal_servers(4);
	conf.slow_start_ns = NS_NEVER;
	make(BALANCE_HASH);
	look(before);
	ck_assert_int_eq(admin_tell(plan->group, "b", &word), 0);
	look(after);
	for (unsigned i = 0; i < CLIENTS; i++) {
		ck_assert(before[i] == 'b' ? after[i] != 'b' : after[i] == before[i]);
	}
	word.weight = 5;
	ck_assert_int_eq(admin_tell(plan->group, "b", &word), 0);
	look(after);
	for (unsigned i = 0; i < CLIENTS; i++) {
		n += after[i] == 'b';
	}
	ck_assert_uint_ge(n, CLIENTS * 5 / 8 * 9 / 10);
	ck_assert_uint_le(n, CLIENTS * 5 / 8 * 11 / 10);
	drop();
}
END_TEST

START_TEST(clients_go_to_the_same_servers_from_every_weir)
{
	have_servers(4, (const uint32_t[]){1, 2, 1, 1});
	make(BALANCE_HASH);
	for (uint32_t i = 0; i < 16; i++) {
		const char picks[] = {"bdbacbbdadbcbcbb"[i], '\0'};

		expect_picks(client_of(0xc0000200 + i, 1), picks);
		expect_picks(client_of(0xc0000200 + i, 2), picks);
	}
	drop();
}
END_TEST

START_TEST(with_client_port_the_port_counts)
{
	char picks[5] = "";

	have_equal_servers(4);
	conf.hash_on = HASH_ON_CLIENT_PORT;
	make(BALANCE_HASH);
	for (uint16_t i = 0; i < 4; i++) {
		picks[i] = take(client_of(0xc0000201, (uint16_t)(1 + i)), NULL);
		give(picks[i]);
	}
	ck_assert_str_eq(picks, "adca");
	drop();
}
END_TEST

START_TEST(without_a_name_of_tls_the_client_is_hashed)
{
	char by_client[CLIENTS];
	char by_sni[CLIENTS];

	have_equal_servers(4);
	make(BALANCE_HASH);
	look(by_client);
	drop();
	conf.hash_on = HASH_ON_SNI;
	make(BALANCE_HASH);
	look(by_sni);
	ck_assert_mem_eq(by_client, by_sni, sizeof(by_client));
	drop();
}
END_TEST

/** Every weir must choose the same, so the expected servers are fixed here. */
START_TEST(with_sni_the_name_is_hashed_in_whatever_letters_and_not_the_client)
{
	static const char *const names[] = {"a.test", "b.test", "c.test", "d.test", "e.test"};
	char picks[6] = "";

	have_equal_servers(4);
	conf.hash_on = HASH_ON_SNI;
	make(BALANCE_HASH);
	for (uint32_t i = 0; i < 5; i++) {
		name_asked = names[i];
		picks[i] = take(client_of(i, 1), NULL);
		give(picks[i]);
	}
	ck_assert_str_eq(picks, "adbcd");
	name_asked = "C.tEST";
	ck_assert_int_eq(take(NULL, NULL), picks[2]);
	give(picks[2]);
	drop();
	conf.hash_on = HASH_ON_CLIENT; /* names do not matter then */
	make(BALANCE_HASH);
	for (uint32_t i = 0; i < 5; i++) {
		name_asked = names[i];
		picks[i] = take(client_of(1, 1), NULL);
		give(picks[i]);
		ck_assert_int_eq(picks[i], picks[0]);
	}
	drop();
	name_asked = NULL;
}
END_TEST

START_TEST(a_client_without_an_address_goes_by_round_robin)
{
	have_servers(3, (const uint32_t[]){1, 2, 3});
	make(BALANCE_HASH);
	expect_picks(NULL, "cbacbc");
	drop();
}
END_TEST

START_TEST(a_key_whose_server_is_full_or_was_tried_goes_to_the_next_slots)
{
	have_equal_servers(3);
	make(BALANCE_HASH);
	for (uint32_t i = 0; i < 50; i++) {
		const struct sockaddr *client = client_of(i, 1);
		struct group_tried tried = {0};
		char picks[3];

		for (unsigned k = 0; k < 3; k++) {
			picks[k] = take(client, &tried);
			ck_assert_int_ge(picks[k], 'a');
			give(picks[k]);
		}
		ck_assert_int_eq(picks[0] + picks[1] + picks[2], 'a' + 'b' + 'c');
		ck_assert_int_eq(take(client, &tried), '-');
		fill((size_t)(picks[0] - 'a'), true);
		expect_picks(client, (const char[]){picks[1], '\0'});
		fill((size_t)(picks[1] - 'a'), true);
		expect_picks(client, (const char[]){picks[2], '\0'});
		fill((size_t)(picks[2] - 'a'), true);
		expect_picks(client, "!");
		for (size_t k = 0; k < 3; k++) {
			fill(k, false);
		}
		group_tried_clear(&tried);
	}
	drop();
}
END_TEST

START_TEST(a_server_without_weight_has_no_slot)
{
	char before[CLIENTS];
	char after[CLIENTS];

	have_servers(4, (const uint32_t[]){1, 1, 1, 0});
	make(BALANCE_HASH);
	look(before);
	drop();
	have_equal_servers(3);
	make(BALANCE_HASH);
	look(after);
	ck_assert_mem_eq(before, after, sizeof(before));
	drop();
	have_servers(2, (const uint32_t[]){0, 0});
	make(BALANCE_HASH);
	expect_picks(client_of(1, 1), "-");
	drop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rule_hash");
	TCase *tc = tcase_create("rule_hash");

	tcase_add_checked_fixture(tc, rules_setup, rules_teardown);
	tcase_add_test(tc, a_client_keeps_its_server_and_only_those_of_a_lost_one_move);
	tcase_add_test(
		tc, a_server_that_starts_slowly_gets_more_and_more_of_its_keys_and_no_other_moves);
	tcase_add_test(tc, all_that_start_slowly_keep_their_keys);
	tcase_add_test(
		tc, a_weight_that_an_administrator_gives_has_its_share_and_0_moves_no_other_key);
	tcase_add_test(tc, clients_go_to_the_same_servers_from_every_weir);
	tcase_add_test(tc, with_client_port_the_port_counts);
	tcase_add_test(tc, without_a_name_of_tls_the_client_is_hashed);
	tcase_add_test(tc, with_sni_the_name_is_hashed_in_whatever_letters_and_not_the_client);
	tcase_add_test(tc, a_client_without_an_address_goes_by_round_robin);
	tcase_add_test(tc, a_key_whose_server_is_full_or_was_tried_goes_to_the_next_slots);
	tcase_add_test(tc, a_server_without_weight_has_no_slot);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
