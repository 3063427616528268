/* SPDX-License-Identifier: ISC */
/* Tests of the resolver: which queries wait, which answers it keeps, and for how long. */
#include "stream/resolver.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "fixture.h"
#include "lookup.h"
#include "resolver_rig.h"
#include "stream/lookups.h"
#include "suite.h"

/* ---- lookups ---- */

START_TEST(an_unknown_name_waits_for_its_lookup)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	ck_assert_uint_eq(resolver_lookups(resolver), 1);
	loop_settle();
	ck_assert_int_eq(asker.status, PENDING);
	lookup_answer("a.example", 0, "127.0.0.2 ::1 127.0.0.1");
	ck_assert_int_eq(asker.status, PENDING); /* the answer never comes from inside the call */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2 ::1 127.0.0.1");
	ck_assert_uint_eq(resolver_lookups(resolver), 0);
}
END_TEST

START_TEST(one_lookup_serves_all_who_wait)
{
	struct asker askers[3];

	must_wait(&askers[0], "a.example");
	must_wait(&askers[1], "a.example");
	loop_until(lookup_is_open("a.example"));
	must_wait(&askers[2], "A.Example");
	loop_settle();
	ck_assert_uint_eq(lookup_n_begun(), 1);
	lookup_answer("a.example", 0, "127.0.0.1");
	for (int i = 0; i < 3; i++) {
		loop_until(askers[i].status != PENDING);
		must_know(&askers[i], "127.0.0.1");
	}
}
END_TEST

/** Begins `n` lookups that hang, each of another name. */
static void hang(struct asker *askers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char host[32];

		(void)snprintf(host, sizeof(host), "hangs-%u.example", i);
		must_wait(&askers[i], host);
	}
	loop_until(lookup_n_open() == (n < LOOKUPS_MAX ? n : LOOKUPS_MAX));
}

static void let_go(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char host[32];

		(void)snprintf(host, sizeof(host), "hangs-%u.example", i);
		if (lookup_is_open(host)) {
			lookup_answer(host, UV_EAI_AGAIN, "");
		}
	}
}

START_TEST(names_that_hang_leave_room_for_others)
{
	struct asker askers[LOOKUPS_MAX - 1];
	struct asker asker;

	hang(askers, LOOKUPS_MAX - 1);
	must_wait(&asker, "good.example");
	loop_until(lookup_is_open("good.example"));
	lookup_answer("good.example", 0, "127.0.0.1");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	let_go(LOOKUPS_MAX - 1);
	loop_settle();
}
END_TEST

START_TEST(a_name_beyond_the_bound_waits_in_line_and_its_clock_stands)
{
	struct asker askers[LOOKUPS_MAX + 1];
	struct asker *last = &askers[LOOKUPS_MAX];
	uint64_t before;

	before = clock_ns();
	hang(askers, LOOKUPS_MAX + 1);
	ck_assert_uint_eq(lookup_n_begun(), LOOKUPS_MAX);
	ck_assert_uint_ge(resolver_begun_ns(&askers[0].query), before);
	ck_assert_uint_eq(resolver_begun_ns(&last->query), NS_NEVER);
	before = clock_ns();
	lookup_answer("hangs-1.example", UV_EAI_AGAIN, "");
	ck_assert_uint_eq(lookup_n_begun(), LOOKUPS_MAX + 1);
	ck_assert_uint_ge(resolver_begun_ns(&last->query), before);
	let_go(LOOKUPS_MAX + 1);
	loop_until(last->status != PENDING);
	ck_assert_int_eq(askers[1].status, UV_EAI_AGAIN);
}
END_TEST

START_TEST(without_a_thread_a_name_waits_until_one_is_free)
{
	struct asker askers[3];

	must_wait(&askers[0], "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_refuse(true);
	must_wait(&askers[1], "b.example");
	must_wait(&askers[2], "c.example");
	loop_settle();
	ck_assert_uint_eq(lookup_n_open(), 1);
	lookup_refuse(false);
	lookup_answer("a.example", 0, "127.0.0.1");
	ck_assert(lookup_is_open("b.example") && lookup_is_open("c.example"));
	lookup_answer("b.example", 0, "127.0.0.2");
	lookup_answer("c.example", 0, "127.0.0.3");
	loop_until(askers[2].status != PENDING);
	must_know(&askers[1], "127.0.0.2");
	must_know(&askers[2], "127.0.0.3");
}
END_TEST

START_TEST(hanging_names_do_not_hold_up_a_known_one)
{
	struct asker hanging[LOOKUPS_MAX];
	struct asker asker;

	teach("known.example", "127.0.0.1", RESOLVER_FRESH_NS);
	hang(hanging, LOOKUPS_MAX);
	must_wait(&asker, "known.example"); /* the renewal cannot even begin */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	ck_assert_uint_eq(lookup_n_begun(), 1 + LOOKUPS_MAX);
	let_go(LOOKUPS_MAX);
	lookup_answer("known.example", 0, "127.0.0.2");
	loop_settle();
}
END_TEST

START_TEST(localhost_is_looked_up_for_real)
{
	struct asker asker;

	lookup_unscript();
	must_wait(&asker, "localhost");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_gt(asker.n_addresses, 0);
	ck_assert_uint_le(asker.n_addresses, 2);
}
END_TEST

/* ---- answers ---- */

START_TEST(a_fresh_answer_is_given_at_once)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS / 2);
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_str_eq(asker.addresses, "127.0.0.1");
	loop_settle();
	ck_assert_uint_eq(asker.n_answered, 0);
	ck_assert_uint_eq(lookup_n_begun(), 1);
}
END_TEST

START_TEST(an_old_answer_is_renewed)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.2");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2");
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_str_eq(asker.addresses, "127.0.0.2");
}
END_TEST

START_TEST(an_old_answer_serves_when_its_renewal_hangs)
{
	struct asker first;
	struct asker second;
	uint64_t begin;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	begin = clock_ns();
	must_wait(&first, "a.example");
	must_wait(&second, "a.example");
	loop_until(first.status != PENDING && second.status != PENDING);
	ck_assert_uint_ge(clock_ns() - begin, RESOLVER_GRACE_NS);
	must_know(&first, "127.0.0.1");
	must_know(&second, "127.0.0.1");
	/* From now on nobody waits for it again. */
	ck_assert_int_eq(ask(&first, "a.example"), 1);
	ck_assert_str_eq(first.addresses, "127.0.0.1");
	lookup_answer("a.example", 0, "127.0.0.2");
	ck_assert_int_eq(ask(&first, "a.example"), 1);
	ck_assert_str_eq(first.addresses, "127.0.0.2");
	ck_assert_uint_eq(lookup_n_begun(), 2);
}
END_TEST

START_TEST(an_old_answer_serves_when_its_renewal_fails)
{
	static const int failures[] = {UV_EAI_AGAIN, UV_EAI_FAIL, UV_EAI_MEMORY, UV_ENOMEM};
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", failures[_i], "");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	/* This does not make the answer fresh: the next query begins a lookup again. */
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.2");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2");
}
END_TEST

START_TEST(a_name_that_is_gone_is_forgotten)
{
	static const int failures[] = {UV_EAI_NONAME, UV_EAI_NODATA};
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", failures[_i], "");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, failures[_i]);
	/* A temporary failure does not bring it back either. */
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_AGAIN, "");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, UV_EAI_AGAIN);
}
END_TEST

START_TEST(a_name_without_an_address_for_us_has_none)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "unix unix");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, UV_EAI_NODATA);
}
END_TEST

static unsigned n_cut;

static void on_cut(const char *host, const struct resolver_answer *answer)
{
	ck_assert_str_eq(host, "a.example");
	ck_assert_uint_eq(answer->n_left_out, 3);
	n_cut++;
}

START_TEST(more_addresses_than_there_is_room_for_are_told_of_once)
{
	static char addresses[(RESOLVER_ADDRESSES_MAX + 3) * 16] = "unix";
	struct asker asker;

	resolver_free(resolver);
	resolver = resolver_new(test_loop, on_cut);
	for (int i = 0; i < RESOLVER_ADDRESSES_MAX + 3; i++) {
		(void)sprintf(addresses + strlen(addresses), " 127.0.%d.1", i % 256);
	}
	for (int i = 0; i < 2; i++) {
		teach("a.example", addresses, RESOLVER_FRESH_NS);
		ck_assert_uint_eq(n_cut, 1);
	}
	teach("a.example", addresses, 0);
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_uint_eq(asker.n_addresses, RESOLVER_ADDRESSES_MAX);
}
END_TEST

START_TEST(a_doubted_answer_is_renewed_after_a_second)
{
	struct resolver_query query = {0};
	struct asker asker;

	/* If a new answer is doubted, no lookup begins for a while. */
	teach("a.example", "127.0.0.1", _i == 0 ? RESOLVER_DOUBT_NS / 2 : RESOLVER_DOUBT_NS);
	ck_assert_int_eq(resolver_ask(name_of("a.example"), test_loop, &query, on_answered), 1);
	resolver_doubt(name_of("a.example"), query.answer);
	if (_i == 0) {
		ck_assert_int_eq(ask(&asker, "a.example"), 1);
	} else {
		must_wait(&asker, "a.example");
		loop_until(lookup_is_open("a.example"));
		lookup_answer("a.example", 0, "127.0.0.2");
		loop_until(asker.status != PENDING);
		must_know(&asker, "127.0.0.2");
		/* A doubt about the old answer does not count for the new one. */
		resolver_doubt(name_of("a.example"), query.answer);
		behind_ns = 0;
		ck_assert_int_eq(ask(&asker, "a.example"), 1);
	}
	query.answer = resolver_answer_unref(query.answer);
}
END_TEST

/** Returns the addresses in the order in which they are tried, as one text. */
static const char *order(const struct resolver_answer *answer, sa_family_t first)
{
	static char text[64];
	const union resolver_address *address;

	text[0] = '\0';
	for (unsigned k = 0; (address = resolver_address(answer, first, k)) != NULL; k++) {
		char one[8];

		(void)snprintf(one, sizeof(one), "%s%u",
			address->any.sa_family == AF_INET ? " v4-" : " v6-",
			address->any.sa_family == AF_INET
				? ntohl(address->in.sin_addr.s_addr) & 0xff
				: address->in6.sin6_addr.s6_addr[15]);
		strcat(text, one);
	}
	return text;
}

START_TEST(the_families_take_turns_and_the_one_that_won_begins)
{
	struct resolver_query query = {0};

	teach("a.example", "::1 ::2 ::3 0.0.0.1 0.0.0.2", 0);
	ck_assert_int_eq(resolver_ask(name_of("a.example"), test_loop, &query, on_answered), 1);
	ck_assert_int_eq(query.first, AF_INET6);
	ck_assert_str_eq(order(query.answer, query.first), " v6-1 v4-1 v6-2 v4-2 v6-3");
	ck_assert_str_eq(order(query.answer, AF_INET), " v4-1 v6-1 v4-2 v6-2 v6-3");
	query.answer = resolver_answer_unref(query.answer);
	resolver_prefer(name_of("A.example"), AF_INET);
	ck_assert_int_eq(resolver_ask(name_of("a.example"), test_loop, &query, on_answered), 1);
	ck_assert_int_eq(query.first, AF_INET);
	query.answer = resolver_answer_unref(query.answer);
	/* The preference does not last for ever. */
	behind_ns = RESOLVER_PREFER_NS;
	resolver_prefer(name_of("a.example"), AF_INET);
	behind_ns = 0;
	ck_assert_int_eq(resolver_ask(name_of("a.example"), test_loop, &query, on_answered), 1);
	ck_assert_int_eq(query.first, AF_INET6);
	query.answer = resolver_answer_unref(query.answer);
}
END_TEST

START_TEST(an_asker_may_ask_again_when_answered)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	asker.asks_again = true;
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	loop_until(lookup_is_open("again.example"));
	lookup_answer("again.example", 0, "127.0.0.2");
	loop_until(asker.n_answered == 2);
	ck_assert_str_eq(asker.addresses, "127.0.0.2");
}
END_TEST

static Suite *resolver_suite(void)
{
	Suite *suite = suite_create("resolver");
	TCase *lookups = tcase_create("lookups");
	TCase *answers = tcase_create("answers");

	tcase_add_checked_fixture(lookups, rig_setup, rig_teardown);
	tcase_add_test(lookups, an_unknown_name_waits_for_its_lookup);
	tcase_add_test(lookups, one_lookup_serves_all_who_wait);
	tcase_add_test(lookups, names_that_hang_leave_room_for_others);
	tcase_add_test(lookups, a_name_beyond_the_bound_waits_in_line_and_its_clock_stands);
	tcase_add_test(lookups, without_a_thread_a_name_waits_until_one_is_free);
	tcase_add_test(lookups, hanging_names_do_not_hold_up_a_known_one);
	tcase_add_test(lookups, localhost_is_looked_up_for_real);
	suite_add_tcase(suite, lookups);

	tcase_add_checked_fixture(answers, rig_setup, rig_teardown);
	tcase_add_test(answers, a_fresh_answer_is_given_at_once);
	tcase_add_test(answers, an_old_answer_is_renewed);
	tcase_add_test(answers, an_old_answer_serves_when_its_renewal_hangs);
	tcase_add_loop_test(answers, an_old_answer_serves_when_its_renewal_fails, 0, 4);
	tcase_add_loop_test(answers, a_name_that_is_gone_is_forgotten, 0, 2);
	tcase_add_test(answers, a_name_without_an_address_for_us_has_none);
	tcase_add_test(answers, more_addresses_than_there_is_room_for_are_told_of_once);
	tcase_add_loop_test(answers, a_doubted_answer_is_renewed_after_a_second, 0, 2);
	tcase_add_test(answers, the_families_take_turns_and_the_one_that_won_begins);
	tcase_add_test(answers, an_asker_may_ask_again_when_answered);
	suite_add_tcase(suite, answers);
	return suite;
}

int main(void)
{
	return suite_run(resolver_suite());
}
