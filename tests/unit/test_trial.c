/* SPDX-License-Identifier: ISC */
/* Tests of the child that checks the config. A script of the test runs in its place. */
#include "service/trial.h"

#include <errno.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fds.h"
#include "fault.h"
#include "fixture.h"
#include "service/spawner.h"
#include "suite.h"
#include "vtime.h"

static struct spawner spawner;
static struct trial trial;
static char folder[] = "/tmp/weir-test-XXXXXX";
static char program[64];
static unsigned n_done;
static char problem[256]; /* "-": no problem */

static void on_done(struct trial *done, const char *what)
{
	ck_assert_ptr_eq(done, &trial);
	n_done++;
	(void)snprintf(problem, sizeof(problem), "%s", what == NULL ? "-" : what);
}

static void setup(void)
{
	fixture_setup();
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(program, sizeof(program), "%s/program", folder);
	ck_assert_int_eq(spawner_open(&spawner), 0);
}

/** No child may be left, not even a zombie. */
static void teardown(void)
{
	trial_close(&trial);
	ck_assert(spawner_close(&spawner));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	(void)unlink(program);
	ck_assert_int_eq(rmdir(folder), 0);
	fixture_teardown();
}

static int open_trial(const char *of)
{
	struct trial_opts opts = {
		.loop = test_loop,
		.spawner = &spawner,
		.program = of,
		.path = "/etc/a file",
		.done = on_done,
	};

	return trial_open(&trial, &opts);
}

/** Begins a script whose output goes to stderr. What it writes to fd 3 goes to stdout. */
static void begin(const char *script)
{
	FILE *file = fopen(program, "w");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "#!/bin/sh\nexec 3>&1 >&2\n%s\n", script);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(program, 0700), 0);
	ck_assert_int_eq(open_trial(program), 0);
	ck_assert_uint_eq(n_done, 0);
}

static void run(const char *script)
{
	begin(script);
	loop_until(n_done > 0);
}

static const char *words(void)
{
	static char text[TRIAL_WORDS_MAX + 1];

	ck_assert_uint_le(trial.words.len, TRIAL_WORDS_MAX);
	if (trial.words.len > 0) {
		memcpy(text, trial.words.bytes, trial.words.len);
	}
	text[trial.words.len] = '\0';
	return text;
}

START_TEST(what_finds_nothing_is_no_problem)
{
	run("exit 0");
	ck_assert_str_eq(problem, "-");
	ck_assert_str_eq(words(), "");
	ck_assert_uint_eq(trial.tape.len, 0);
}
END_TEST

START_TEST(what_it_hands_on_is_kept_apart_from_its_words)
{
	run("echo a word; head -c 1000000 /dev/zero | tr '\\0' x >&3; echo another");
	ck_assert_str_eq(problem, "-");
	ck_assert_str_eq(words(), "a word\nanother\n");
	ck_assert_uint_eq(trial.tape.len, 1000000);
	ck_assert(memcmp(trial.tape.bytes, trial.tape.bytes + 1, trial.tape.len - 1) == 0);
	ck_assert_int_eq(*trial.tape.bytes, 'x');
}
END_TEST

START_TEST(what_is_handed_on_without_memory_for_it_is_a_problem)
{
	begin("head -c 1000000 /dev/zero >&3");
	fault_only(FAULT_MEMORY);
	fault_only_call("realloc");
	fault_arm(1);
	loop_until(n_done > 0);
	ck_assert(fault_disarm());
	ck_assert_ptr_nonnull(strstr(problem, "out of memory"));
}
END_TEST

START_TEST(more_than_is_taken_is_a_problem_of_its_own)
{
	run("head -c 67108865 /dev/zero >&3");
	ck_assert_uint_eq(trial.tape.len, TRIAL_TAPE_MAX);
	ck_assert_ptr_nonnull(strstr(problem, "longer than 64 MiB"));
}
END_TEST

START_TEST(it_is_asked_to_check_the_file_and_what_it_says_is_kept)
{
	run("for word; do echo \"$word\"; done; echo last >&2; exit 1");
	ck_assert_str_eq(problem, "");
	ck_assert_str_eq(words(), "--check\n--hand-on\n-c\n/etc/a file\nlast\n");
}
END_TEST

START_TEST(a_child_never_has_a_copy_of_our_fds)
{
	int fd = memfd_create("weir", 0); /* this fd has not even FD_CLOEXEC */

	ck_assert_int_ge(fd, 0);
	run("ls -l /proc/self/fd | grep -c memfd:weir; exit 1");
	ck_assert_str_eq(words(), "0\n");
	close(fd);
}
END_TEST

START_TEST(a_hangup_for_the_whole_service_does_not_end_it)
{
	run("kill -HUP $$; echo goes on; exit 1");
	ck_assert_str_eq(words(), "goes on\n");
}
END_TEST

START_TEST(what_it_says_is_bounded)
{
	run("head -c 1000000 /dev/zero | tr '\\0' x; exit 1");
	ck_assert_str_eq(problem, "");
	ck_assert_uint_eq(strspn(words(), "x"), TRIAL_WORDS_MAX);
}
END_TEST

START_TEST(an_end_without_a_word_is_a_problem_of_its_own)
{
	run(_i == 0 ? "exit 3" : "kill -9 $$");
	ck_assert_ptr_nonnull(strstr(problem, "without a word"));
}
END_TEST

START_TEST(one_that_hangs_is_killed_when_its_time_is_over)
{
	vtime_freeze();
	begin("echo something; exec sleep 1000");
	loop_until(trial.words.len > 0 && spawner_has_begun(trial.order));
	vtime_advance((uint64_t)TRIAL_LIMIT_S * NS_PER_S + 1);
	loop_until(n_done > 0);
	ck_assert_ptr_nonnull(strstr(problem, "longer than 10 s"));
}
END_TEST

START_TEST(a_program_that_is_not_there_is_a_problem)
{
	ck_assert_int_eq(open_trial("/nonexistent/weir"), 0);
	loop_until(n_done > 0);
	ck_assert_ptr_nonnull(strstr(problem, "cannot be checked: No such file"));
}
END_TEST

/* ---- a file system that hangs: the start of a child does not return ---- */

static atomic_bool hangs;
static sem_t let_go;

int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int __real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);

int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	if (atomic_load(&hangs)) {
		ck_assert_int_eq(sem_wait(&let_go), 0);
	}
	return __real_posix_spawn(pid, path, actions, attributes, argv, envp);
}

static void hang(void)
{
	ck_assert_int_eq(sem_init(&let_go, 0, 0), 0);
	atomic_store(&hangs, true);
}

static void stop_hanging(void)
{
	atomic_store(&hangs, false);
	ck_assert_int_eq(sem_post(&let_go), 0);
}

START_TEST(a_start_that_hangs_is_given_up_when_its_time_is_over)
{
	vtime_freeze();
	hang();
	begin("exec sleep 1000");
	vtime_advance((uint64_t)TRIAL_LIMIT_S * NS_PER_S + 1);
	loop_until(n_done > 0);
	ck_assert_ptr_nonnull(strstr(problem, "could not be started within 10 s"));
	trial_close(&trial);
	stop_hanging(); /* the child then starts, and is killed: see teardown() */
}
END_TEST

START_TEST(the_next_one_waits_for_a_start_that_hangs)
{
	vtime_freeze();
	hang();
	begin("exec sleep 1000");
	trial_close(&trial);
	begin("exit 0");
	if (_i == 0) {
		stop_hanging();
		loop_until(n_done > 0);
		ck_assert_str_eq(problem, "-");
	} else {
		vtime_advance((uint64_t)TRIAL_LIMIT_S * NS_PER_S + 1);
		loop_until(n_done > 0);
		ck_assert_ptr_nonnull(strstr(problem, "could not be started within 10 s"));
		trial_close(&trial);
		stop_hanging();
	}
}
END_TEST

START_TEST(a_thread_that_hangs_is_left_behind)
{
	hang();
	begin("exit 0");
	trial_close(&trial);
	ck_assert(!spawner_close(&spawner));
	stop_hanging();
}
END_TEST

START_TEST(what_fails_before_the_order_is_an_error_at_once)
{
	struct spawner none = {.error = -EAGAIN};
	struct trial_opts opts = {
		.loop = test_loop, .spawner = &none, .path = "x", .done = on_done};

	ck_assert_int_eq(trial_open(&trial, &opts), -EAGAIN);
	hang(); /* the thread stays in posix_spawn(), so the fault does not hit its calls */
	for (unsigned n = 1;; n++) {
		int r;

		fault_arm(n);
		r = open_trial("/bin/true");
		if (!fault_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_lt(r, 0);
	}
	stop_hanging();
	loop_until(n_done > 0);
}
END_TEST

START_TEST(closing_ends_the_child_and_nothing_is_told)
{
	begin("exec sleep 1000");
	trial_close(&trial);
	trial_close(&trial);
	loop_settle();
	ck_assert_uint_eq(n_done, 0);
}
END_TEST

START_TEST(a_zeroed_one_can_be_closed)
{
	trial_close(&trial);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trial");
	TCase *tc = tcase_create("trial");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_finds_nothing_is_no_problem);
	tcase_add_test(tc, what_it_hands_on_is_kept_apart_from_its_words);
	tcase_add_test(tc, what_is_handed_on_without_memory_for_it_is_a_problem);
	tcase_add_test(tc, more_than_is_taken_is_a_problem_of_its_own);
	tcase_add_test(tc, it_is_asked_to_check_the_file_and_what_it_says_is_kept);
	if (!fds_have_copies()) {
		tcase_add_test(tc, a_child_never_has_a_copy_of_our_fds);
	}
	tcase_add_test(tc, a_hangup_for_the_whole_service_does_not_end_it);
	tcase_add_test(tc, what_it_says_is_bounded);
	tcase_add_loop_test(tc, an_end_without_a_word_is_a_problem_of_its_own, 0, 2);
	tcase_add_test(tc, one_that_hangs_is_killed_when_its_time_is_over);
	tcase_add_test(tc, a_program_that_is_not_there_is_a_problem);
	tcase_add_test(tc, a_start_that_hangs_is_given_up_when_its_time_is_over);
	tcase_add_loop_test(tc, the_next_one_waits_for_a_start_that_hangs, 0, 2);
	tcase_add_test(tc, a_thread_that_hangs_is_left_behind);
	tcase_add_test(tc, what_fails_before_the_order_is_an_error_at_once);
	tcase_add_test(tc, closing_ends_the_child_and_nothing_is_told);
	tcase_add_test(tc, a_zeroed_one_can_be_closed);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
