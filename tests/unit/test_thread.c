/* SPDX-License-Identifier: ISC */
/* Tests of threads that handle no signal, and of waits that a signal does not end. */
#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fault.h"
#include "suite.h"

static void *note_mask(void *mask)
{
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, mask), 0);
	return mask;
}

/** Blocks SIGUSR1, and no other signal, in the calling thread. */
static void block_usr1(void)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGUSR1);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
}

static void expect_usr1_alone(void)
{
	sigset_t mask;

	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert_int_eq(sigismember(&mask, SIGUSR1), 1);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
}

START_TEST(a_thread_has_every_signal_blocked)
{
	pthread_t thread;
	sigset_t mask;
	void *result;

	ck_assert_int_eq(thread_start(&thread, note_mask, &mask), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, &mask);
	for (int number = 1; number < SIGRTMIN; number++) {
		bool can_be = number != SIGKILL && number != SIGSTOP && number < 32;

		ck_assert_msg(!can_be || sigismember(&mask, number) == 1, "signal %d", number);
	}
}
END_TEST

START_TEST(who_starts_it_keeps_his_own_mask)
{
	pthread_t thread;
	sigset_t mask;

	block_usr1();
	ck_assert_int_eq(thread_start(&thread, note_mask, &mask), 0);
	expect_usr1_alone();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(a_thread_that_cannot_be_is_told)
{
	pthread_t thread;

	block_usr1();
	fault_only_call("pthread_create");
	fault_arm(1);
	ck_assert_int_eq(thread_start(&thread, note_mask, NULL), -EAGAIN);
	ck_assert(fault_disarm());
	expect_usr1_alone();
}
END_TEST

/* ---- waiting ---- */

enum { SIGNALS = 100 };

static struct {
	pthread_t waiter;
	sem_t semaphore;
	atomic_int n_handled;
	atomic_bool posted;
} wait_scene;

static void on_signal(int number)
{
	(void)number;
	(void)atomic_fetch_add(&wait_scene.n_handled, 1);
}

/** Sends signals, each when the one before has been handled, and then posts. */
static void *disturb(void *unused)
{
	for (int n = 1; n <= SIGNALS; n++) {
		ck_assert_int_eq(pthread_kill(wait_scene.waiter, SIGUSR1), 0);
		while (atomic_load(&wait_scene.n_handled) < n) {
			(void)sched_yield();
		}
	}
	atomic_store(&wait_scene.posted, true);
	ck_assert_int_eq(sem_post(&wait_scene.semaphore), 0);
	return unused;
}

START_TEST(a_wait_is_not_over_when_a_signal_was_handled)
{
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	sigset_t none;

	(void)sigemptyset(&none); /* an earlier test may have blocked SIGUSR1 */
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &none, NULL), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(sem_init(&wait_scene.semaphore, 0, 0), 0);
	wait_scene.waiter = pthread_self();
	ck_assert_int_eq(thread_start(&thread, disturb, NULL), 0);
	thread_wait(&wait_scene.semaphore);
	ck_assert(atomic_load(&wait_scene.posted));
	ck_assert_int_eq(atomic_load(&wait_scene.n_handled), SIGNALS);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(sem_destroy(&wait_scene.semaphore), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("thread");
	TCase *tc = tcase_create("thread");

	tcase_add_test(tc, a_thread_has_every_signal_blocked);
	tcase_add_test(tc, who_starts_it_keeps_his_own_mask);
	tcase_add_test(tc, a_thread_that_cannot_be_is_told);
	tcase_add_test(tc, a_wait_is_not_over_when_a_signal_was_handled);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
