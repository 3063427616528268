/* SPDX-License-Identifier: ISC */
/* Playing one side of a recording, in virtual time: what is done, and when. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/playback.h"
#include "suite.h"

#define MS ((uint64_t)NS_PER_MS)

static const uint64_t begin_ns = NS_PER_S;
static struct recording recording;
static struct playback playback;

static void begin(enum direction mine, const char *events)
{
	char error[RECORDING_ERROR_MAX];
	char *text = NULL;
	int n = asprintf(&text, "weirlab recording 1\n%s", events);

	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(recording_parse(&recording, "f", text, (size_t)n, error), 0);
	free(text);
	playback_begin(&playback, &recording, mine, begin_ns);
}

static void tear_down(void)
{
	recording_free(&recording);
}

/** The playback waits until exactly this time, and then does `act`. */
static void check_at(uint64_t at_ns, enum playback_act act)
{
	ck_assert_int_eq(playback_look(&playback, at_ns - 1), PLAYBACK_WAITS);
	ck_assert_uint_eq(playback.wake_ns, at_ns);
	ck_assert_int_eq(playback_look(&playback, at_ns), act);
}

static const char *difference(void)
{
	static char text[PLAYBACK_TEXT_MAX];

	return playback_difference(&playback, text);
}

START_TEST(gaps_count_from_what_was_done_before)
{
	begin(UPSTREAM, "10ms upstream 5\n20ms upstream 7\n5ms upstream fin\n");
	check_at(begin_ns + 10 * MS, PLAYBACK_SEND);
	ck_assert_uint_eq(playback_bytes(&playback), 5);
	/* This event was late; the next one keeps its distance. */
	playback_done(&playback, begin_ns + 13 * MS);
	check_at(begin_ns + 33 * MS, PLAYBACK_SEND);
	ck_assert_uint_eq(playback_bytes(&playback), 7);
	playback_done(&playback, begin_ns + 33 * MS);
	check_at(begin_ns + 38 * MS, PLAYBACK_FIN);
	playback_done(&playback, begin_ns + 38 * MS);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 38 * MS), PLAYBACK_OVER);
}
END_TEST

START_TEST(an_answer_is_behind_its_question_however_late_that_is)
{
	begin(DOWNSTREAM, "1ms upstream 100\n10ms downstream 5\n");
	ck_assert_int_eq(playback_look(&playback, begin_ns + 5 * MS), PLAYBACK_WAITS);
	playback_heard(&playback, RECORDED_BYTES, 99);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 50 * MS), PLAYBACK_WAITS);
	playback_heard(&playback, RECORDED_BYTES, 1);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 500 * MS), PLAYBACK_WAITS);
	check_at(begin_ns + 510 * MS, PLAYBACK_SEND);
}
END_TEST

START_TEST(a_peer_that_is_ahead_lets_nothing_come_early)
{
	begin(DOWNSTREAM, "10ms downstream 5\n10ms upstream 100\n10ms downstream 6\n");
	playback_heard(&playback, RECORDED_BYTES, 100);
	check_at(begin_ns + 10 * MS, PLAYBACK_SEND);
	playback_done(&playback, begin_ns + 10 * MS);
	check_at(begin_ns + 30 * MS, PLAYBACK_SEND);
}
END_TEST

START_TEST(a_reset_is_done_and_ends_it)
{
	begin(UPSTREAM, "1ms upstream reset\n");
	check_at(begin_ns + MS, PLAYBACK_RESET);
}
END_TEST

START_TEST(the_end_of_the_peer_is_waited_for)
{
	begin(UPSTREAM, "0s upstream 5\n1s downstream fin\n");
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_SEND);
	playback_done(&playback, begin_ns);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 2 * MS), PLAYBACK_WAITS);
	playback_heard(&playback, RECORDED_FIN, 0);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 3 * MS), PLAYBACK_OVER);
}
END_TEST

START_TEST(a_reset_of_the_peer_in_its_place_is_as_recorded)
{
	begin(UPSTREAM, "0s downstream 5\n1s downstream reset\n");
	playback_heard(&playback, RECORDED_BYTES, 5);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_WAITS);
	playback_heard(&playback, RECORDED_RESET, 0);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_OVER);
}
END_TEST

START_TEST(a_peer_that_finishes_or_is_reset_too_early_differs)
{
	begin(UPSTREAM, "0s downstream 5\n0s downstream fin\n1s upstream 5\n");
	playback_heard(&playback, RECORDED_BYTES, 4);
	playback_heard(&playback, RECORDED_FIN, 0);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_DIFFERS);
	ck_assert_str_eq(difference(), "at event 0 of 3, the peer finished after 4 bytes, and the "
				       "recording has 5");
	playback_heard(&playback, RECORDED_BYTES, 1);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_WAITS);
	playback_heard(&playback, RECORDED_RESET, 0);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_DIFFERS);
	ck_assert_str_eq(difference(), "at event 2 of 3, the peer was reset after 5 bytes, and the "
				       "recording has 5");
}
END_TEST

START_TEST(a_peer_that_sends_more_differs_at_the_end)
{
	begin(UPSTREAM, "0s downstream 5\n0s downstream fin\n");
	playback_heard(&playback, RECORDED_BYTES, 6);
	playback_heard(&playback, RECORDED_FIN, 0);
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_DIFFERS);
	ck_assert_str_eq(difference(), "at event 2 of 2, the peer finished after 6 bytes, and the "
				       "recording has 5");
}
END_TEST

START_TEST(a_peer_that_is_silent_is_waited_for_30_seconds_longer)
{
	begin(UPSTREAM, "2s downstream 5\n");
	ck_assert_int_eq(playback_look(&playback, begin_ns), PLAYBACK_WAITS);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 31999 * MS), PLAYBACK_WAITS);
	ck_assert_int_eq(playback_look(&playback, begin_ns + 33000 * MS), PLAYBACK_DIFFERS);
	ck_assert_str_eq(difference(), "at event 0 of 1, the peer has sent 0 bytes, and the "
				       "recording has 5");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lab_playback");
	TCase *tc = tcase_create("playback");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, gaps_count_from_what_was_done_before);
	tcase_add_test(tc, an_answer_is_behind_its_question_however_late_that_is);
	tcase_add_test(tc, a_peer_that_is_ahead_lets_nothing_come_early);
	tcase_add_test(tc, a_reset_is_done_and_ends_it);
	tcase_add_test(tc, the_end_of_the_peer_is_waited_for);
	tcase_add_test(tc, a_reset_of_the_peer_in_its_place_is_as_recorded);
	tcase_add_test(tc, a_peer_that_finishes_or_is_reset_too_early_differs);
	tcase_add_test(tc, a_peer_that_sends_more_differs_at_the_end);
	tcase_add_test(tc, a_peer_that_is_silent_is_waited_for_30_seconds_longer);
	return suite_run(suite);
}
