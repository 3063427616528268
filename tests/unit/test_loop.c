/* SPDX-License-Identifier: ISC */
/*
 * A loop and its fds: watching, holding, stopping, freeing. Deferred and posted tasks are tested in
 * test_loop_tasks.c, the order within a turn in test_loop_turns.c.
 */
#include "stream/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "job.h"
#include "suite.h"

static void stop_loop(struct job *job)
{
	(void)job;
	ck_assert(loop_is_running(test_loop));
	fixture_stop();
}

/** A watcher that counts and remembers. */
struct watch {
	struct watcher watcher;
	unsigned calls;
	uint32_t events;
	int fd;
	struct watch *victim; /**< the watch that is closed when this one is called */
	uint64_t turn_noted;
	struct job *job;
};

static void on_watch(struct watcher *watcher, uint32_t events)
{
	struct watch *watch = container_of(watcher, struct watch, watcher);

	watch->calls++;
	watch->events |= events;
	if (watch->victim != NULL && watch->victim->fd >= 0) {
		close(watch->victim->fd);
		watch->victim->fd = -1;
		loop_forget(test_loop, &watch->victim->watcher);
	}
	if (watch->job != NULL) {
		watch->turn_noted = loop_turns(test_loop);
		loop_defer(test_loop, &watch->job->task);
	}
}

static void watch_init(struct watch *watch, int fd)
{
	*watch = (struct watch){.watcher.ready = on_watch, .fd = fd};
}

static void watch_end(struct watch *watch)
{
	if (watch->fd >= 0) {
		close(watch->fd);
		loop_forget(test_loop, &watch->watcher);
		watch->fd = -1;
	}
}

/* ---- life ---- */

START_TEST(own_loop_is_made_once_and_freed)
{
	struct loop *own = loop_own();

	ck_assert_ptr_nonnull(own);
	ck_assert_ptr_eq(loop_own(), own);
	ck_assert(loop_is_current(own));
	ck_assert_ptr_null(loop_free(own));
	own = loop_own();
	ck_assert_ptr_nonnull(own);
	ck_assert_ptr_null(loop_free(own));
	ck_assert_ptr_null(loop_free(NULL));
}
END_TEST

START_TEST(new_loop_changes_no_signals_disposition)
{
	struct sigaction action;

	for (int i = 0; i < 2; i++) {
		void (*disposition)(int) = i == 0 ? SIG_DFL : SIG_IGN;

		ck_assert_ptr_ne(signal(SIGPIPE, disposition), SIG_ERR);
		ck_assert_ptr_null(loop_free(loop_new()));
		ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
		ck_assert_ptr_eq(action.sa_handler, disposition);
	}
}
END_TEST

START_TEST(new_loop_fails_whole)
{
	for (unsigned n = 1;; n++) {
		char *before = fixture_fds();
		char *after;
		struct loop *loop;

		fault_arm(n);
		errno = 0;
		loop = loop_new();
		if (!fault_disarm()) {
			ck_assert_uint_gt(n, 6);
			ck_assert_ptr_null(loop_free(loop));
			free(before);
			return;
		}
		ck_assert_msg(loop == NULL, "%s", fault_met());
		ck_assert_int_ne(errno, 0);
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(before);
		free(after);
	}
}
END_TEST

START_TEST(own_loop_may_fail_and_be_tried_again)
{
	fault_only_call("epoll_create1");
	fault_arm(1);
	ck_assert_ptr_null(loop_own());
	ck_assert_int_eq(errno, EMFILE);
	ck_assert(fault_disarm());
	ck_assert_ptr_nonnull(loop_own());
	loop_free(loop_own());
}
END_TEST

START_TEST(run_returns_when_nothing_is_left)
{
	struct loop *loop = loop_new();

	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert(!loop_is_running(loop));
	loop_free(loop);
}
END_TEST

static void release_loop(struct job *job)
{
	ck_assert_uint_lt(job->runs, 4);
	if (job->runs == 3) {
		loop_release(test_loop);
	} else {
		loop_next(test_loop, &job->task);
	}
}

START_TEST(hold_keeps_it_running_until_released)
{
	struct loop *guarded = test_loop;
	struct job job;

	test_loop = loop_new();
	job_init(&job, 'x');
	job.act = release_loop;
	loop_hold(test_loop);
	loop_next(test_loop, &job.task);
	fixture_run();
	ck_assert_uint_eq(job.runs, 3);
	loop_free(test_loop);
	test_loop = guarded;
}
END_TEST

START_TEST(stop_ends_the_run_after_the_turn)
{
	struct job first;
	struct job second;

	job_init(&first, '1');
	job_init(&second, '2');
	first.act = stop_loop;
	loop_hold(test_loop);
	loop_defer(test_loop, &first.task);
	loop_defer(test_loop, &second.task);
	ck_assert(!loop_is_running(test_loop));
	fixture_run();
	ck_assert(!loop_is_running(test_loop));
	ck_assert_str_eq(job_order, "12");
	loop_release(test_loop);
}
END_TEST

static struct loop *nested;

static void run_within(struct job *job)
{
	(void)job;
	ck_assert_int_eq(loop_run(nested), -EBUSY);
}

START_TEST(run_from_within_is_refused)
{
	struct job job;

	nested = loop_new();
	job_init(&job, 'x');
	job.act = run_within;
	loop_defer(nested, &job.task);
	ck_assert_int_eq(loop_run(nested), 0);
	ck_assert_uint_eq(job.runs, 1);
	loop_free(nested);
}
END_TEST

START_TEST(free_runs_what_is_deferred)
{
	struct loop *loop = loop_new();
	struct job job;

	job_init(&job, 'x');
	loop_defer(loop, &job.task);
	loop_free(loop);
	ck_assert_uint_eq(job.runs, 1);
}
END_TEST

START_TEST(free_asserts_that_nothing_is_watched)
{
	static struct watch watch;
	struct loop *loop = loop_new();

	watch_init(&watch, eventfd(0, EFD_CLOEXEC));
	ck_assert_int_eq(loop_watch(loop, watch.fd, &watch.watcher), 0);
	loop_free(loop);
}
END_TEST

START_TEST(buffer_is_all_there)
{
	memset(loop_buffer(test_loop), 1, LOOP_BUFFER_BYTES);
	ck_assert_int_eq(((char *)loop_buffer(test_loop))[LOOP_BUFFER_BYTES - 1], 1);
}
END_TEST

/* ---- readiness ---- */

START_TEST(watch_tells_a_state_once)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct watch watch;

	watch_init(&watch, wire.near);
	ck_assert_int_eq(loop_watch(test_loop, wire.near, &watch.watcher), 0);
	loop_until(watch.calls > 0);
	ck_assert_uint_eq(watch.events, EPOLLOUT);
	peer_send(wire.far, "hello");
	loop_until((watch.events & EPOLLIN) != 0);
	watch.calls = 0;
	loop_settle();
	/* It is still readable, but it is not called again. */
	ck_assert_uint_eq(watch.calls, 0);
	peer_send_urgent(wire.far, '!');
	loop_until((watch.events & EPOLLPRI) != 0);
	close(wire.far);
	loop_until((watch.events & EPOLLRDHUP) != 0);
	watch_end(&watch);
}
END_TEST

START_TEST(watch_tells_a_reset)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct watch watch;

	watch_init(&watch, wire.near);
	ck_assert_int_eq(loop_watch(test_loop, wire.near, &watch.watcher), 0);
	peer_reset(wire.far);
	loop_until((watch.events & EPOLLERR) != 0);
	ck_assert((watch.events & EPOLLHUP) != 0);
	watch_end(&watch);
}
END_TEST

START_TEST(watch_listen_tells_a_state_while_it_lasts)
{
	struct wire wire = wire_open(WIRE_SOCKETPAIR);
	struct watch watch;

	watch_init(&watch, wire.near);
	ck_assert_int_eq(loop_watch_listen(test_loop, wire.near, &watch.watcher), 0);
	peer_send(wire.far, "x");
	loop_until(watch.calls >= 3);
	ck_assert_uint_eq(watch.events, EPOLLIN);
	watch_end(&watch);
	close(wire.far);
}
END_TEST

START_TEST(unwatch_leaves_the_fd_open)
{
	struct wire wire = wire_open(WIRE_SOCKETPAIR);
	struct watch watch;
	char byte;

	watch_init(&watch, wire.near);
	ck_assert_int_eq(loop_watch(test_loop, wire.near, &watch.watcher), 0);
	loop_until(watch.calls == 1);
	loop_unwatch(test_loop, wire.near, &watch.watcher);
	peer_send(wire.far, "x");
	loop_settle();
	ck_assert_uint_eq(watch.calls, 1);
	ck_assert_int_eq(read(wire.near, &byte, 1), 1);
	close(wire.near);
	close(wire.far);
}
END_TEST

/* Whichever of two ready watchers comes first closes the other. */
START_TEST(who_is_forgotten_is_not_called_in_the_same_turn)
{
	struct watch a;
	struct watch b;

	watch_init(&a, eventfd(1, EFD_CLOEXEC));
	watch_init(&b, eventfd(1, EFD_CLOEXEC));
	a.victim = &b;
	b.victim = &a;
	ck_assert_int_eq(loop_watch(test_loop, a.fd, &a.watcher), 0);
	ck_assert_int_eq(loop_watch(test_loop, b.fd, &b.watcher), 0);
	loop_settle();
	ck_assert_uint_eq(a.calls + b.calls, 1);
	watch_end(&a);
	watch_end(&b);
}
END_TEST

START_TEST(what_a_watcher_defers_runs_in_its_turn)
{
	struct watch watch;
	struct job job;

	job_init(&job, 'x');
	watch_init(&watch, eventfd(1, EFD_CLOEXEC));
	watch.job = &job;
	ck_assert_int_eq(loop_watch(test_loop, watch.fd, &watch.watcher), 0);
	loop_until(job.runs == 1);
	/* The loop counts a turn after its polling and before its tasks. */
	ck_assert_uint_eq(job.turn, watch.turn_noted + 1);
	watch_end(&watch);
}
END_TEST

START_TEST(watch_fails_for_what_cannot_be_polled)
{
	struct watch watch;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	watch_init(&watch, fd);
	ck_assert_int_eq(loop_watch(test_loop, fd, &watch.watcher), -EPERM);
	ck_assert_int_eq(loop_watch(test_loop, -1, &watch.watcher), -EBADF);
	fault_only_call("epoll_ctl");
	fault_arm(1);
	ck_assert_int_eq(loop_watch(test_loop, fd, &watch.watcher), -ENOSPC);
	ck_assert(fault_disarm());
	close(fd);
}
END_TEST

START_TEST(more_fds_than_one_turn_takes_are_all_served)
{
	enum { MANY = 600 };
	struct watch *watches = calloc(MANY, sizeof(*watches));
	unsigned n = 0;

	for (int i = 0; i < MANY; i++) {
		watch_init(&watches[i], eventfd(1, EFD_CLOEXEC));
		ck_assert_int_ge(watches[i].fd, 0);
		ck_assert_int_eq(loop_watch(test_loop, watches[i].fd, &watches[i].watcher), 0);
	}
	while (n < MANY) {
		fixture_turn(__FILE__, __LINE__, "all watchers");
		n = 0;
		for (int i = 0; i < MANY; i++) {
			n += watches[i].calls;
		}
	}
	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(watches[i].calls, 1);
		watch_end(&watches[i]);
	}
	free(watches);
}
END_TEST

START_TEST(an_idle_loop_sleeps)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct watch watch;
	uint64_t began;

	watch_init(&watch, wire.near);
	ck_assert_int_eq(loop_watch(test_loop, wire.near, &watch.watcher), 0);
	peer_send(wire.far, "unread");
	loop_settle();
	began = loop_turns(test_loop);
	loop_for_ms(300);
	ck_assert_uint_le(loop_turns(test_loop) - began, 2);
	watch_end(&watch);
	close(wire.far);
}
END_TEST

static void add_life_tests(TCase *tc)
{
	tcase_add_test(tc, own_loop_is_made_once_and_freed);
	tcase_add_test(tc, new_loop_fails_whole);
	tcase_add_test(tc, own_loop_may_fail_and_be_tried_again);
	tcase_add_test(tc, run_returns_when_nothing_is_left);
	tcase_add_test(tc, hold_keeps_it_running_until_released);
	tcase_add_test(tc, stop_ends_the_run_after_the_turn);
	tcase_add_test(tc, run_from_within_is_refused);
	tcase_add_test(tc, free_runs_what_is_deferred);
	tcase_add_test(tc, buffer_is_all_there);
}

static void add_watch_tests(TCase *tc)
{
	tcase_add_test(tc, watch_tells_a_state_once);
	tcase_add_test(tc, watch_tells_a_reset);
	tcase_add_test(tc, watch_listen_tells_a_state_while_it_lasts);
	tcase_add_test(tc, unwatch_leaves_the_fd_open);
	tcase_add_test(tc, who_is_forgotten_is_not_called_in_the_same_turn);
	tcase_add_test(tc, what_a_watcher_defers_runs_in_its_turn);
	tcase_add_test(tc, watch_fails_for_what_cannot_be_polled);
	tcase_add_test(tc, more_fds_than_one_turn_takes_are_all_served);
	tcase_add_test(tc, an_idle_loop_sleeps);
}

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");
	TCase *aborts = tcase_create("aborts");
	TCase *signals = invariant_case(
		"the stream library changes no signal's disposition", "docs/STREAM.md", "Signals");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_life_tests(tc);
	add_watch_tests(tc);
	suite_add_tcase(suite, signals);
	tcase_add_checked_fixture(signals, fixture_setup, fixture_teardown);
	tcase_add_test(signals, new_loop_changes_no_signals_disposition);
	suite_add_tcase(suite, aborts);
	tcase_add_checked_fixture(aborts, fixture_setup, fixture_teardown);
	tcase_add_test_raise_signal(aborts, free_asserts_that_nothing_is_watched, SIGABRT);
	return suite_run(suite);
}
