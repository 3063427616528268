/* SPDX-License-Identifier: ISC */
/* The verdict on a close, to the nanosecond. */
#include "load/verdict.h"

#include "base/clock.h"
#include "suite.h"

enum { DUE = 1000, MAX_LATE = 50 };

static int64_t late_ns;

/** Judges a close at this time. It was expected at DUE, and may be late by MAX_LATE. */
static enum verdict judge(uint64_t closed_ns)
{
	const struct verdict_facts facts = {
		.closed_ns = closed_ns, .early_ns = DUE, .late_ns = DUE, .max_late_ns = MAX_LATE};

	return verdict_judge(&facts, &late_ns);
}

START_TEST(one_nanosecond_before_its_time_is_early)
{
	ck_assert_int_eq(judge(DUE - 1), VERDICT_EARLY);
	ck_assert_int_eq(late_ns, -1);
	ck_assert_int_eq(judge(0), VERDICT_EARLY);
	ck_assert_int_eq(late_ns, -DUE);
}
END_TEST

START_TEST(at_its_time_it_is_on_time)
{
	ck_assert_int_eq(judge(DUE), VERDICT_ON_TIME);
	ck_assert_int_eq(late_ns, 0);
}
END_TEST

START_TEST(one_nanosecond_beyond_the_limit_is_late)
{
	ck_assert_int_eq(judge(DUE + MAX_LATE), VERDICT_ON_TIME);
	ck_assert_int_eq(late_ns, MAX_LATE);
	ck_assert_int_eq(judge(DUE + MAX_LATE + 1), VERDICT_LATE);
	ck_assert_int_eq(late_ns, MAX_LATE + 1);
}
END_TEST

START_TEST(without_a_limit_nothing_is_late)
{
	const struct verdict_facts facts = {.closed_ns = (uint64_t)INT64_MAX,
		.early_ns = 0,
		.late_ns = 0,
		.max_late_ns = NS_NEVER};

	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_ON_TIME);
	ck_assert_int_eq(late_ns, INT64_MAX);
}
END_TEST

START_TEST(between_two_stamps_it_is_on_time_and_not_late)
{
	struct verdict_facts facts = {
		.early_ns = DUE, .late_ns = DUE + 100, .max_late_ns = MAX_LATE};

	facts.closed_ns = DUE - 1;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_EARLY);
	facts.closed_ns = DUE + 99;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_ON_TIME);
	ck_assert_int_eq(late_ns, 0);
	facts.closed_ns = DUE + 100 + MAX_LATE + 1;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_LATE);
}
END_TEST

START_TEST(a_late_byte_of_our_own_makes_any_close_void)
{
	struct verdict_facts facts = {
		.early_ns = DUE, .late_ns = DUE, .max_late_ns = MAX_LATE, .is_void = true};

	for (uint64_t closed_ns = 0; closed_ns <= 2 * DUE; closed_ns += DUE / 2) {
		facts.closed_ns = closed_ns;
		ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_VOID);
	}
}
END_TEST

START_TEST(what_is_late_by_our_own_delay_alone_is_void)
{
	struct verdict_facts facts = {
		.early_ns = DUE, .late_ns = DUE, .max_late_ns = MAX_LATE, .delay_ns = 200};

	facts.closed_ns = DUE + MAX_LATE; /* in time in spite of the delay */
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_ON_TIME);
	facts.closed_ns = DUE + 200;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_VOID);
	ck_assert_int_eq(late_ns, 200);
	facts.closed_ns = DUE + 200 + MAX_LATE;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_VOID);
	facts.closed_ns = DUE + 200 + MAX_LATE + 1;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_LATE);
	facts.closed_ns = DUE - 1; /* a delay does not excuse an early close */
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_EARLY);
}
END_TEST

START_TEST(what_is_not_expected_is_measured_unless_our_delay_spoils_it)
{
	struct verdict_facts facts = {.early_ns = DUE,
		.late_ns = DUE,
		.max_late_ns = NS_NEVER,
		.closed_ns = DUE + (uint64_t)10 * NS_PER_S,
		.is_measured = true};

	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_MEASURED);
	ck_assert_int_eq(late_ns, (int64_t)10 * NS_PER_S);
	facts.delay_ns = (uint64_t)500 * NS_PER_MS; /* 5 % of the measured time */
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_MEASURED);
	facts.delay_ns++;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_VOID);
	facts.delay_ns = 0;
	facts.is_sending = true;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_EARLY);
}
END_TEST

START_TEST(a_close_while_bytes_are_to_come_is_early_until_the_next_is_overdue)
{
	struct verdict_facts facts = {
		.early_ns = DUE, .late_ns = DUE, .max_late_ns = MAX_LATE, .is_sending = true};

	facts.closed_ns = DUE - 1;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_EARLY);
	facts.closed_ns = DUE;
	ck_assert_int_eq(verdict_judge(&facts, &late_ns), VERDICT_VOID);
}
END_TEST

START_TEST(the_worse_of_two_ends_is_the_pairs)
{
	static const enum verdict order[VERDICTS] = {VERDICT_NONE, VERDICT_MEASURED,
		VERDICT_ON_TIME, VERDICT_LATE, VERDICT_UNFINISHED, VERDICT_NEVER, VERDICT_EARLY,
		VERDICT_VOID, VERDICT_FAILED};

	for (unsigned i = 0; i < VERDICTS; i++) {
		for (unsigned k = 0; k <= i; k++) {
			ck_assert_int_eq(verdict_worse(order[i], order[k]), order[i]);
			ck_assert_int_eq(verdict_worse(order[k], order[i]), order[i]);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_verdict");
	TCase *tc = tcase_create("verdict");

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, one_nanosecond_before_its_time_is_early);
	tcase_add_test(tc, at_its_time_it_is_on_time);
	tcase_add_test(tc, one_nanosecond_beyond_the_limit_is_late);
	tcase_add_test(tc, without_a_limit_nothing_is_late);
	tcase_add_test(tc, between_two_stamps_it_is_on_time_and_not_late);
	tcase_add_test(tc, a_late_byte_of_our_own_makes_any_close_void);
	tcase_add_test(tc, what_is_late_by_our_own_delay_alone_is_void);
	tcase_add_test(tc, what_is_not_expected_is_measured_unless_our_delay_spoils_it);
	tcase_add_test(tc, a_close_while_bytes_are_to_come_is_early_until_the_next_is_overdue);
	tcase_add_test(tc, the_worse_of_two_ends_is_the_pairs);
	return suite_run(suite);
}
