/* SPDX-License-Identifier: ISC */
/*
 * Tests that SIGPIPE belongs to the program: where the program does not ignore it, streams neither
 * raise it nor change what it does, and do not splice. In each test the peer has gone before the
 * stream writes.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "fixture.h"
#include "stream/pipe.h"
#include "suite.h"

static unsigned n_raised;

static void on_signal(int number)
{
	(void)number;
	n_raised++;
}

static void set_disposition(void (*disposition)(int))
{
	struct sigaction action = {.sa_handler = disposition};

	n_raised = 0;
	ck_assert_int_eq(sigaction(SIGPIPE, &action, NULL), 0);
}

static void check_disposition(void (*disposition)(int))
{
	struct sigaction action;
	sigset_t set;

	ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
	ck_assert_ptr_eq(action.sa_handler, disposition);
	ck_assert_uint_eq(n_raised, 0);
	ck_assert_int_eq(sigpending(&set), 0);
	ck_assert_int_eq(sigismember(&set, SIGPIPE), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	ck_assert_int_eq(sigismember(&set, SIGPIPE), 0);
}

/**
 * Writes again and again to a wire whose peer has gone: TCP learns of that by the answer to the
 * first write.
 */
static void write_to_nobody(enum wire_kind kind)
{
	struct scene scene;

	scene_open(&scene, kind, 0);
	stream_off(scene.stream, &scene.rec.handler);
	recorder_on(&scene.rec, scene.stream, STREAM_CLOSE | STREAM_ERROR);
	scene_far_close(&scene);
	for (int i = 0; i < 3; i++) {
		(void)stream_write(scene.stream, "hello", 5, NULL);
		loop_settle();
	}
	/* The master of a pty takes bytes even if nobody has the terminal open. */
	if (kind != WIRE_PTY) {
		loop_until(heard(&scene.rec, "CLOSE"));
	}
	scene_close(&scene);
}

START_TEST(a_write_to_nobody_raises_nothing)
{
	void (*const dispositions[])(int) = {SIG_DFL, SIG_IGN, on_signal};

	if (!wire_writes(TEST_KIND)) {
		return;
	}
	for (size_t i = 0; i < sizeof(dispositions) / sizeof(dispositions[0]); i++) {
		set_disposition(dispositions[i]);
		write_to_nobody(TEST_KIND);
		check_disposition(dispositions[i]);
	}
}
END_TEST

START_TEST(a_signal_that_waited_before_goes_on_waiting)
{
	sigset_t set;

	set_disposition(on_signal);
	ck_assert_int_eq(sigemptyset(&set), 0);
	ck_assert_int_eq(sigaddset(&set, SIGPIPE), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	ck_assert_int_eq(pthread_kill(pthread_self(), SIGPIPE), 0);
	write_to_nobody(WIRE_PIPE_OUT);
	ck_assert_uint_eq(n_raised, 0);
	ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	ck_assert_uint_eq(n_raised, 1);
}
END_TEST

START_TEST(what_is_blocked_stays_blocked_and_nothing_waits)
{
	sigset_t set;

	set_disposition(SIG_DFL);
	ck_assert_int_eq(sigemptyset(&set), 0);
	ck_assert_int_eq(sigaddset(&set, SIGPIPE), 0);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	write_to_nobody(WIRE_PIPE_OUT);
	ck_assert_int_eq(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	ck_assert_int_eq(sigismember(&set, SIGPIPE), 1);
	ck_assert_int_eq(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	check_disposition(SIG_DFL);
}
END_TEST

START_TEST(who_does_not_ignore_it_splices_nothing)
{
	void (*const dispositions[])(int) = {SIG_DFL, on_signal};
	struct scene from;
	struct scene to;

	pipe_pool_allow(test_loop, PIPES_MAX);
	scene_open(&from, WIRE_TCP, 0);
	scene_open(&to, WIRE_TCP, 0);
	for (size_t i = 0; i < 2; i++) {
		set_disposition(dispositions[i]);
		ck_assert_int_eq(stream_splice_to(from.stream, to.stream), -EPERM);
		ck_assert(!stream_is_splicing(from.stream));
		ck_assert_int_eq(stream_splice_to(from.stream, NULL), 0);
	}
	set_disposition(SIG_IGN);
	ck_assert_int_eq(stream_splice_to(from.stream, to.stream), 0);
	ck_assert(stream_is_splicing(from.stream));
	/* Each call looks at the disposition anew. */
	set_disposition(SIG_DFL);
	ck_assert_int_eq(stream_splice_to(from.stream, to.stream), -EPERM);
	ck_assert(!stream_is_splicing(from.stream));
	scene_close(&from);
	scene_close(&to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_sigpipe");
	TCase *tc = invariant_case(
		"the stream library changes no signal's disposition", "docs/STREAM.md", "Signals");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_wire_test(tc, a_write_to_nobody_raises_nothing);
	tcase_add_test(tc, a_signal_that_waited_before_goes_on_waiting);
	tcase_add_test(tc, what_is_blocked_stays_blocked_and_nothing_waits);
	tcase_add_test(tc, who_does_not_ignore_it_splices_nothing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
