/* SPDX-License-Identifier: ISC */
/* weirlab's recordings: they are read as they were written, and an error names its line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/recording.h"
#include "suite.h"

#define FIRST "weirlab recording 1\n"

static struct recording recording;

static void tear_down(void)
{
	recording_free(&recording);
}

static int parse(const char *text, char error[RECORDING_ERROR_MAX])
{
	char *copy = strdup(text);
	int r;

	ck_assert_ptr_nonnull(copy);
	r = recording_parse(&recording, "f", copy, strlen(text), error);
	free(copy);
	return r;
}

static char *written(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(recording_write(&recording, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

START_TEST(what_was_noted_is_written_and_read_again)
{
	static const char expected[] = FIRST "0s upstream 64\n"
					     "1500us downstream 1448\n"
					     "20ms upstream fin\n"
					     "1s downstream reset\n";
	char error[RECORDING_ERROR_MAX];
	char *text;

	ck_assert_int_eq(recording_note(&recording, UPSTREAM, RECORDED_BYTES, 64, 0), 0);
	ck_assert_int_eq(
		recording_note(&recording, DOWNSTREAM, RECORDED_BYTES, 1448, 1500 * NS_PER_US), 0);
	ck_assert_int_eq(
		recording_note(&recording, UPSTREAM, RECORDED_FIN, 0, 21500 * NS_PER_US), 0);
	ck_assert_int_eq(
		recording_note(&recording, DOWNSTREAM, RECORDED_RESET, 0, 1021500 * NS_PER_US), 0);
	text = written();
	ck_assert_str_eq(text, expected);
	recording_free(&recording);
	ck_assert_int_eq(parse(text, error), 0);
	free(text);
	ck_assert_uint_eq(recording.n_events, 4);
	ck_assert_uint_eq(recording.events[3].at_ns, 1021500 * NS_PER_US);
	text = written();
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

START_TEST(gaps_are_rounded_so_that_they_do_not_add_up)
{
	char *text;

	for (unsigned i = 1; i <= 1000; i++) {
		ck_assert_int_eq(
			recording_note(&recording, UPSTREAM, RECORDED_BYTES, 1, i * UINT64_C(1400)),
			0);
	}
	text = written();
	recording_free(&recording);
	ck_assert_int_eq(parse(text, (char[RECORDING_ERROR_MAX]){0}), 0);
	free(text);
	ck_assert_uint_eq(recording.events[999].at_ns, 1400 * NS_PER_US);
}
END_TEST

START_TEST(what_follows_an_end_is_not_noted)
{
	(void)recording_note(&recording, UPSTREAM, RECORDED_FIN, 0, 0);
	(void)recording_note(&recording, UPSTREAM, RECORDED_FIN, 0, 1);
	(void)recording_note(&recording, UPSTREAM, RECORDED_BYTES, 1, 1);
	(void)recording_note(&recording, DOWNSTREAM, RECORDED_BYTES, 1, 1);
	(void)recording_note(&recording, UPSTREAM, RECORDED_RESET, 0, 2);
	(void)recording_note(&recording, DOWNSTREAM, RECORDED_BYTES, 1, 3);
	ck_assert_uint_eq(recording.n_events, 3);
	ck_assert_uint_eq(recording_bytes(&recording, DOWNSTREAM), 1);
	ck_assert_uint_eq(recording_bytes(&recording, UPSTREAM), 0);
}
END_TEST

START_TEST(it_is_bounded)
{
	char error[RECORDING_ERROR_MAX];
	char *text;
	char *longer;

	for (unsigned i = 0; i < RECORDING_EVENTS_MAX; i++) {
		ck_assert_int_eq(recording_note(&recording, UPSTREAM, RECORDED_BYTES, 1, 0), 0);
	}
	ck_assert_int_eq(recording_note(&recording, UPSTREAM, RECORDED_BYTES, 1, 0), -EFBIG);
	text = written();
	recording_free(&recording);
	ck_assert_int_eq(parse(text, error), 0);
	recording_free(&recording);
	ck_assert_int_gt(asprintf(&longer, "%s0s upstream 1\n", text), 0);
	ck_assert_int_eq(parse(longer, error), -EINVAL);
	ck_assert_str_eq(error, "f:400002: too long: a recording has at most 400000 events");
	free(longer);
	free(text);
}
END_TEST

#define LONGEST "10000d upstream 5\n"

static const struct {
	const char *text;
	const char *error;
} wrongs[] = {
	{"", "f:1: this is no recording: its first line is \"weirlab recording 1\""},
	{"weirlab recording 2\n0s upstream 1\n",
		"f:1: this is no recording: its first line is \"weirlab recording 1\""},
	{FIRST, "f:2: it has no events; record again"},
	{FIRST "\n# x\nupstream 5\n", "f:4: write a time, a direction, and bytes, fin or reset"},
	{FIRST "0s upstream 5 6\n", "f:2: write a time, a direction, and bytes, fin or reset"},
	{FIRST "0s sideways 5\n", "f:2: sideways: write upstream or downstream"},
	{FIRST "0s upstream 0\n", "f:2: 0: write fin, reset, or bytes from 1 to 1073741824"},
	{FIRST "0s upstream -5\n", "f:2: -5: write fin, reset, or bytes from 1 to 1073741824"},
	{FIRST "0s upstream 1073741825\n",
		"f:2: 1073741825: write fin, reset, or bytes from 1 to 1073741824"},
	{FIRST "0s upstream 99999999999999999999999\n",
		"f:2: 99999999999999999999999: write fin, reset, or bytes from 1 to 1073741824"},
	{FIRST "none upstream 5\n",
		"f:2: none: a duration begins with a digit; write a number and a unit, like "
		"\"30s\" or \"0.5s\""},
	{FIRST LONGEST LONGEST LONGEST LONGEST LONGEST LONGEST,
		"f:7: 10000d: nobody waits for that"},
	{FIRST "0s upstream fin\n1s upstream 5\n",
		"f:3: upstream has ended with a fin above; remove one of both"},
	{FIRST "0s upstream fin\n1s upstream fin\n",
		"f:3: upstream has ended with a fin above; remove one of both"},
	{FIRST "0s upstream reset\n1s downstream 5\n",
		"f:3: nothing may follow a reset; remove it"},
};

START_TEST(what_is_wrong_is_told_by_line)
{
	char error[RECORDING_ERROR_MAX] = "";

	ck_assert_int_eq(parse(wrongs[_i].text, error), -EINVAL);
	ck_assert_str_eq(error, wrongs[_i].error);
	ck_assert_ptr_null(recording.events);
}
END_TEST

START_TEST(a_time_that_is_wrong_says_why)
{
	char error[RECORDING_ERROR_MAX] = "";

	ck_assert_int_eq(parse(FIRST "5 upstream 5\n", error), -EINVAL);
	ck_assert_int_eq(strncmp(error, "f:2: 5: ", 8), 0);
	ck_assert_int_eq(parse(FIRST "-5s upstream 5\n", error), -EINVAL);
	ck_assert_int_eq(strncmp(error, "f:2: -5s: ", 10), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lab_recording");
	TCase *tc = tcase_create("recording");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, what_was_noted_is_written_and_read_again);
	tcase_add_test(tc, gaps_are_rounded_so_that_they_do_not_add_up);
	tcase_add_test(tc, what_follows_an_end_is_not_noted);
	tcase_add_test(tc, it_is_bounded);
	tcase_add_loop_test(
		tc, what_is_wrong_is_told_by_line, 0, (int)(sizeof(wrongs) / sizeof(wrongs[0])));
	tcase_add_test(tc, a_time_that_is_wrong_says_why);
	return suite_run(suite);
}
