/* SPDX-License-Identifier: ISC */
/* Tests of STATUS=: what the line says for which numbers, and when weir sends it again. */
#include "service/status.h"

#include <stdio.h>
#include <string.h>

#include "base/hdr.h"
#include "crew/crew.h"
#include "crew/worker.h"
#include "suite.h"

/** 2026-01-31T12:10:00Z */
#define A_TIME ((time_t)1769861400)

static const struct status_facts idle = {
	.n_listeners = 2, .n_usable = 3, .n_servers = 4, .max_pairs = 32000};

static void expect(const struct status_facts *facts, const char *expected)
{
	char text[STATUS_TEXT_MAX];

	status_text(facts, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(what_is_nothing_is_left_out)
{
	expect(&idle,
		"2 listeners, 3 of 4 servers usable, 0 of 32000 pairs open, 0 accepted, 0 closed");
}
END_TEST

START_TEST(everything_has_its_place)
{
	struct status_facts facts = idle;

	facts.n_listeners = 1;
	facts.n_pairs = 17;
	facts.n_half_closed = 4;
	facts.n_accepted = 1204;
	facts.n_closed[END_EOF] = 1100;
	facts.n_closed[END_IDLE] = 80;
	facts.n_closed[END_ERROR] = 7;
	facts.reload.at = A_TIME;
	facts.has_p99 = true;
	facts.p99_us = 12034;
	expect(&facts, "1 listener, 3 of 4 servers usable, 17 of 32000 pairs open (4 half-closed), "
		       "1204 accepted, "
		       "1187 closed (1100 eof, 80 idle, 7 error), reloaded 2026-01-31T12:10:00Z, "
		       "timers p99 +12.034 ms");
	facts.reload.failed = true;
	facts.n_half_closed = 0;
	expect(&facts, "1 listener, 3 of 4 servers usable, 17 of 32000 pairs open, 1204 accepted, "
		       "1187 closed (1100 eof, 80 idle, 7 error), reload failed "
		       "2026-01-31T12:10:00Z, timers p99 +12.034 ms");
}
END_TEST

/* A phase, the time that is left of it, and the text in front of the line. */
static const struct {
	enum stop_phase phase;
	enum drain_state drain;
	uint64_t left_ns;
	const char *prefix;
} phases[] = {
	{STOP_RUNNING, DRAIN_NONE, NS_NEVER, ""},
	{STOP_RUNNING, DRAIN_NONE, 0, ""},
	{STOP_GRACE, DRAIN_NONE, (uint64_t)3 * NS_PER_S, "Stopping, still accepting, 3 s left: "},
	{STOP_DRAIN, DRAIN_NONE, (uint64_t)2 * NS_PER_S + 1, "Draining, 3 s left: "},
	{STOP_DRAIN, DRAIN_NONE, 1, "Draining, 1 s left: "},
	{STOP_DRAIN, DRAIN_NONE, 0, "Draining, 0 s left: "},
	{STOP_DRAIN, DRAIN_NONE, NS_NEVER, "Draining: "},
	{STOP_DRAIN, DRAIN_NONE, NS_NEVER - 1, "Draining, 18446744074 s left: "},
	{STOP_END, DRAIN_NONE, (uint64_t)9 * NS_PER_S, "Ending: "},
	{STOP_RUNNING, DRAIN_GRACE, NS_PER_S, "Draining by hand, still accepting, 1 s left: "},
	{STOP_RUNNING, DRAIN_SHUTTING, NS_NEVER, "Drained by hand: "},
	{STOP_RUNNING, DRAIN_SHUT, NS_NEVER, "Drained by hand: "},
	{STOP_RUNNING, DRAIN_SHUT, NS_PER_S, "Drained by hand, 1 s left: "},
	{STOP_RUNNING, DRAIN_OPENING, NS_NEVER, "Drained by hand: "},
	{STOP_DRAIN, DRAIN_SHUT, NS_NEVER, "Draining: "},
};

START_TEST(stopping_counts_down_in_whole_seconds)
{
	struct status_facts facts = idle;
	char expected[STATUS_TEXT_MAX];

	facts.phase = phases[_i].phase;
	facts.drain = phases[_i].drain;
	facts.left_ns = phases[_i].left_ns;
	(void)snprintf(expected, sizeof(expected),
		"%s2 listeners, 3 of 4 servers usable, 0 of 32000 pairs open, 0 accepted, 0 closed",
		phases[_i].prefix);
	expect(&facts, expected);
}
END_TEST

START_TEST(the_largest_numbers_fit)
{
	struct status_facts facts;
	char text[STATUS_TEXT_MAX];

	memset(&facts, 0xff, sizeof(facts));
	facts.phase = STOP_GRACE;
	facts.left_ns = NS_NEVER - 1;
	facts.reload = (struct status_reload){.at = A_TIME, .failed = true};
	facts.has_p99 = true;
	status_text(&facts, text);
	ck_assert_ptr_nonnull(strstr(text, ", timers p99 +18446744073709551.615 ms"));
}
END_TEST

START_TEST(a_time_beyond_the_calendar_is_left_out)
{
	struct status_facts facts = idle;

	facts.reload.at = (time_t)INT64_MAX;
	expect(&facts, "2 listeners, 3 of 4 servers usable, 0 of 32000 pairs open, 0 accepted, 0 "
		       "closed, reloaded ");
}
END_TEST

START_TEST(the_workers_are_summed)
{
	static struct hdr late[2];
	static struct worker workers[2];
	const struct crew crew = {.opts.n_workers = 2, .workers = workers};
	struct status status = {0};
	struct status_facts facts = {0};

	workers[0].proxy.part.late = &late[0];
	workers[1].proxy.part.late = &late[1];
	hdr_record(&late[0], 900);
	hdr_record(&late[1], 250);
	for (int i = 0; i < 2; i++) {
		struct counters *counters = &workers[i].proxy.part.counters;

		counter_add(&counters->n_accepted, 10);
		counter_add(&counters->n_half_closed, 1);
		counter_add(&counters->n_half_closed, 1);
		counter_add(&counters->n_half_closed, -1);
		counter_add(&counters->n_closed[END_RESET], 3 + i);
	}
	status_gather(&status, &facts, &crew);
	ck_assert_uint_eq(facts.n_accepted, 20);
	ck_assert_uint_eq(facts.n_half_closed, 2);
	ck_assert_uint_eq(facts.n_closed[END_RESET], 7);
	ck_assert(facts.has_p99);
	ck_assert_uint_eq(facts.p99_us, 900);
}
END_TEST

/* ---- when the line is sent ---- */

static unsigned n_told;

bool __wrap_notify_status(const char *text);
bool __wrap_notify_status(const char *text)
{
	ck_assert_str_ne(text, "");
	n_told++;
	return true;
}

START_TEST(the_same_is_told_once)
{
	struct status status = {0};
	struct status_facts facts = idle;

	status_tell(&status, &facts);
	status_tell(&status, &facts);
	ck_assert_uint_eq(n_told, 1);
	facts.n_pairs++;
	status_tell(&status, &facts);
	status_tell(&status, &facts);
	ck_assert_uint_eq(n_told, 2);
	status_tell(&status, &idle);
	ck_assert_uint_eq(n_told, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *tc = tcase_create("status");

	tcase_add_test(tc, what_is_nothing_is_left_out);
	tcase_add_test(tc, everything_has_its_place);
	tcase_add_loop_test(tc, stopping_counts_down_in_whole_seconds, 0,
		(int)(sizeof(phases) / sizeof(phases[0])));
	tcase_add_test(tc, the_largest_numbers_fit);
	tcase_add_test(tc, a_time_beyond_the_calendar_is_left_out);
	tcase_add_test(tc, the_workers_are_summed);
	tcase_add_test(tc, the_same_is_told_once);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
