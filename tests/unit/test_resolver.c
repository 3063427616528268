/* SPDX-License-Identifier: ISC */
/* The resolver: who waits for what, what is kept, and for how long. */
#include "stream/resolver.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "fixture.h"
#include "lookup.h"
#include "resolver_rig.h"
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
	ck_assert_int_eq(asker.status, PENDING); /* never from inside a call */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2 ::1 127.0.0.1");
	ck_assert_uint_eq(asker.answer.addresses[0].len, sizeof(struct sockaddr_in));
	ck_assert_uint_eq(asker.answer.addresses[1].len, sizeof(struct sockaddr_in6));
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

START_TEST(the_fourth_name_waits_its_turn)
{
	static const char *const names[] = {
		"a.example", "b.example", "c.example", "d.example", "e.example"};
	struct asker askers[5];

	for (int i = 0; i < 5; i++) {
		must_wait(&askers[i], names[i]);
	}
	loop_settle();
	ck_assert_uint_eq(lookup_n_open(), RESOLVER_LOOKUPS_MAX);
	ck_assert(!lookup_is_open("d.example"));
	lookup_answer("b.example", UV_EAI_AGAIN, "");
	ck_assert(lookup_is_open("d.example"));
	ck_assert(!lookup_is_open("e.example"));
	lookup_answer("d.example", 0, "127.0.0.4");
	ck_assert(lookup_is_open("e.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	lookup_answer("c.example", 0, "127.0.0.3");
	lookup_answer("e.example", 0, "127.0.0.5");
	loop_until(askers[4].status != PENDING);
	ck_assert_int_eq(askers[1].status, UV_EAI_AGAIN);
	must_know(&askers[3], "127.0.0.4");
	must_know(&askers[4], "127.0.0.5");
}
END_TEST

START_TEST(hanging_names_do_not_hold_up_a_known_one)
{
	struct asker hanging[4];
	struct asker asker;

	teach("known.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&hanging[0], "a.example");
	must_wait(&hanging[1], "b.example");
	must_wait(&hanging[2], "c.example");
	must_wait(&hanging[3], "d.example");
	must_wait(&asker, "known.example"); /* its renewal does not even begin */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	ck_assert_uint_eq(lookup_n_begun(), 1 + 3);
	lookup_answer("a.example", UV_EAI_AGAIN, "");
	lookup_answer("b.example", UV_EAI_AGAIN, "");
	lookup_answer("c.example", UV_EAI_AGAIN, "");
	lookup_answer("d.example", UV_EAI_AGAIN, "");
	lookup_answer("known.example", 0, "127.0.0.2");
	loop_until(hanging[3].status != PENDING);
}
END_TEST

START_TEST(a_lookup_that_cannot_begin_is_a_failed_one)
{
	struct asker askers[2];

	lookup_refuse(UV_EINVAL);
	must_wait(&askers[0], "a.example");
	must_wait(&askers[1], "b.example");
	loop_until(askers[0].status != PENDING);
	ck_assert_int_eq(askers[0].status, UV_EINVAL);
	loop_until(lookup_is_open("b.example"));
	lookup_answer("b.example", 0, "127.0.0.1");
	loop_until(askers[1].status != PENDING);
	must_know(&askers[1], "127.0.0.1");
}
END_TEST

START_TEST(localhost_is_looked_up_for_real)
{
	struct asker asker;

	lookup_unscript();
	must_wait(&asker, "localhost");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_gt(asker.answer.n_addresses, 0);
	ck_assert_uint_le(asker.answer.n_addresses, 2);
	ck_assert_uint_eq(asker.answer.addresses[0].sa.in.sin_port, 0);
}
END_TEST

/* ---- answers ---- */

START_TEST(a_fresh_answer_is_given_at_once)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS / 2);
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.1");
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
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.2");
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
	ck_assert_str_eq(addresses_of(&first.answer), "127.0.0.1");
	lookup_answer("a.example", 0, "127.0.0.2");
	ck_assert_int_eq(ask(&first, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&first.answer), "127.0.0.2");
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
	/* It is not fresh for that: the next one looks again. */
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
	/* Nor does a passing failure bring it back. */
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

START_TEST(more_addresses_than_there_is_room_for_are_ignored)
{
	char addresses[RESOLVER_ADDRESSES_MAX * 32] = "unix";
	struct asker asker;

	for (int i = 0; i <= RESOLVER_ADDRESSES_MAX; i++) {
		(void)sprintf(addresses + strlen(addresses), " 127.0.0.%d", i + 1);
	}
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, addresses);
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_eq(asker.answer.n_addresses, RESOLVER_ADDRESSES_MAX);
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
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.2");
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
	tcase_add_test(lookups, the_fourth_name_waits_its_turn);
	tcase_add_test(lookups, hanging_names_do_not_hold_up_a_known_one);
	tcase_add_test(lookups, a_lookup_that_cannot_begin_is_a_failed_one);
	tcase_add_test(lookups, localhost_is_looked_up_for_real);
	suite_add_tcase(suite, lookups);

	tcase_add_checked_fixture(answers, rig_setup, rig_teardown);
	tcase_add_test(answers, a_fresh_answer_is_given_at_once);
	tcase_add_test(answers, an_old_answer_is_renewed);
	tcase_add_test(answers, an_old_answer_serves_when_its_renewal_hangs);
	tcase_add_loop_test(answers, an_old_answer_serves_when_its_renewal_fails, 0, 4);
	tcase_add_loop_test(answers, a_name_that_is_gone_is_forgotten, 0, 2);
	tcase_add_test(answers, a_name_without_an_address_for_us_has_none);
	tcase_add_test(answers, more_addresses_than_there_is_room_for_are_ignored);
	tcase_add_test(answers, an_asker_may_ask_again_when_answered);
	suite_add_tcase(suite, answers);
	return suite;
}

int main(void)
{
	return suite_run(resolver_suite());
}
