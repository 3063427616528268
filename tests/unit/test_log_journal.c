/* SPDX-License-Identifier: ISC */
/* How a line begins under systemd, where journald keeps time and level, and elsewhere. */
#include "base/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "memory_file.h"
#include "suite.h"

/* Long enough for the busiest machine: only what is stuck for good takes it. */
#define PATIENCE    (UINT64_C(50) * NS_PER_S)

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const priorities[] = {
	"<3>event=x\n", "<4>event=x\n", "<6>event=x\n", "<7>event=x\n"};

static void name_journal(int fd, int off_by)
{
	struct stat st;
	char name[64];

	ck_assert_int_eq(fstat(fd, &st), 0);
	(void)snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino + (uintmax_t)off_by);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", name, 1), 0);
}

static void put_line(enum log_level level)
{
	struct log_line line;

	ck_assert(log_begin(&line, level, "x"));
	log_end(&line);
}

START_TEST(under_systemd_a_line_begins_with_its_priority)
{
	int memory = memory_open();
	enum log_level level = (enum log_level)_i;
	char *text;

	name_journal(memory, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_open(memory), 0);
	/* By this thread itself, and by the log thread. */
	put_line(level);
	ck_assert_int_eq(log_thread_open(), 0);
	put_line(level);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_uint_eq(strlen(text), 2 * strlen(priorities[_i]));
	ck_assert_int_eq(strncmp(text, priorities[_i], strlen(priorities[_i])), 0);
	expect_end(text, priorities[_i]);
	free(text);
}
END_TEST

START_TEST(a_stderr_that_left_the_journal_has_time_and_level)
{
	int memory = memory_open();
	char *text;

	name_journal(memory, 1);
	ck_assert_int_eq(log_open(memory), 0);
	put_line(LOG_LEVEL_INFO);
	ck_assert(log_close(PATIENCE));
	text = memory_close(memory);
	ck_assert_int_eq(strncmp(text, "time=", strlen("time=")), 0);
	expect_end(text, "Z level=info event=x\n");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_journal");
	TCase *tc = tcase_create("log_journal");

	tcase_add_loop_test(
		tc, under_systemd_a_line_begins_with_its_priority, 0, (int)N_OF(priorities));
	tcase_add_test(tc, a_stderr_that_left_the_journal_has_time_and_level);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
