/* SPDX-License-Identifier: ISC */
/* Tests of the connector: each call fails in turn, and it is closed at each stage. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "connector_rig.h"
#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "suite.h"

/* ---- faults ---- */

START_TEST(a_shortage_of_ours_is_not_tried_on_the_next_address)
{
	static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
	struct addr addr = name_at("a.example", 80);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	fault_only_call("socket");
	fault_set_errno(shortages[_i]);
	fault_arm(1);
	lookup_answer("a.example", 0, "127.0.0.2 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert(fault_disarm());
	ck_assert_int_eq(owner.status, -shortages[_i]);
	ck_assert_uint_eq(owner.n_failed, 1);
}
END_TEST

START_TEST(out_of_ports_is_tried_on_the_next_address)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	fault_only_call("connect");
	fault_set_errno(EADDRNOTAVAIL);
	fault_arm(1);
	lookup_answer("a.example", 0, "127.0.0.1 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert(fault_disarm());
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(owner.failures[0], -EADDRNOTAVAIL);
	close(listener);
}
END_TEST

/* A signal interrupts connect(2), which goes on in the kernel. */
static bool interrupts;

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int r;

	if (fault_strikes("connect", FAULT_SOCKET, EADDRNOTAVAIL)) {
		return -1;
	}
	r = __real_connect(fd, sa, len);
	if (interrupts) {
		interrupts = false;
		errno = EINTR;
		return -1;
	}
	return r;
}

START_TEST(an_interrupted_connect_goes_on)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);

	interrupts = true;
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert(!interrupts);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 0);
	must_work(listener);
	close(listener);
}
END_TEST

/** Each call fails in turn. The connector cannot be opened or ends with done(), and leaves
 * nothing. */
START_TEST(every_fault_is_a_failed_attempt)
{
	struct addr server = address_of(_i == 1 ? ABSTRACT : V4);
	int listener = serve(&server, 64);
	struct addr name = name_at("a.example", server.port);
	struct connector_opts opts = options(_i == 2 ? &name : &server, NS_NEVER);
	bool met = true;

	/* These first attempts read what is read once in a process; that may fail without harm. */
	start(&server, NS_NEVER);
	loop_until(owner.status == 0);
	finish();
	if (_i == 2) {
		start(&name, NS_NEVER);
		loop_until(lookup_is_open("a.example"));
		lookup_answer("a.example", 0, "127.0.0.1");
		loop_until(owner.status == 0);
		finish();
	}
	for (unsigned n = 1; met; n++) {
		char *before = fixture_fds();
		char *after;

		forget();
		fault_arm(n);
		owner.connector = connector_open(&opts);
		if (owner.connector != NULL) {
			/* Runs until done(). The calls of fixture_turn() would be counted, too. */
			fixture_run();
		}
		met = fault_disarm();
		ck_assert_msg(met == (owner.connector == NULL || owner.status < 0), "%s: %d",
			fault_met(), owner.status);
		ck_assert_uint_eq(owner.n_done, owner.connector != NULL);
		finish();
		loop_settle();
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
		free(before);
	}
	close(listener);
}
END_TEST

/* ---- closing at each stage ---- */

START_TEST(closed_at_once)
{
	struct addr addr = address_of(V4);

	start(&addr, NS_NEVER);
	finish();
	ck_assert_ptr_null(connector_close(NULL));
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
}
END_TEST

START_TEST(closed_while_resolving)
{
	struct addr addr = name_at("a.example", 80);

	start(&addr, TIMEOUT_NS);
	loop_until(lookup_is_open("a.example"));
	if (_i == 1) {
		lookup_answer("a.example", 0, "127.0.0.1"); /* the answer is on its way */
	}
	finish();
	if (_i == 0) {
		lookup_answer("a.example", 0, "127.0.0.1");
	}
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
}
END_TEST

START_TEST(closed_while_connecting)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);

	start(&addr, TIMEOUT_NS);
	loop_settle();
	ck_assert_int_eq(owner.status, PENDING);
	finish();
	loop_for_ms(TIMEOUT_MS * 2);
	ck_assert_uint_eq(owner.n_done, 0);
	close(client);
	close(listener);
}
END_TEST

struct closer {
	struct task task;
	struct watcher watcher; /* watches fd, an eventfd */
	int fd;
};

static void on_closer(struct watcher *watcher, uint32_t events)
{
	(void)watcher;
	(void)events;
	finish();
}

/* Makes the eventfd ready in the turn in which connect(2) was called. */
static void on_called(struct task *task)
{
	ck_assert_int_eq(eventfd_write(container_of(task, struct closer, task)->fd, 1), 0);
}

/** One polling finds the connection and then the eventfd, whose handler closes the connector
 * before done(). */
START_TEST(closed_when_done_is_pending)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);
	struct closer closer = {.watcher.ready = on_closer};
	int fd;

	closer.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(loop_watch_listen(test_loop, closer.fd, &closer.watcher), 0);
	task_init(&closer.task, on_called);
	loop_next(test_loop, &closer.task);
	start(&addr, NS_NEVER);
	loop_until(owner.connector == NULL);
	loop_unwatch(test_loop, closer.fd, &closer.watcher);
	close(closer.fd);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
	/* The connection had been made. */
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(closed_in_done)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, _i == PATH ? -1 : 8); /* for PATH the attempt fails */

	start(&addr, NS_NEVER);
	owner.closes = true;
	loop_until(owner.status != PENDING);
	ck_assert_ptr_null(owner.connector);
	ck_assert_int_eq(owner.status, _i == PATH ? -ECONNREFUSED : 0);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 1);
	close(listener);
	unlink(path);
}
END_TEST

static Suite *connector_faults_suite(void)
{
	Suite *suite = suite_create("connector_faults");
	TCase *faults = tcase_create("faults");
	TCase *closing = tcase_create("closing");

	tcase_add_checked_fixture(faults, rig_setup, rig_teardown);
	tcase_add_loop_test(faults, a_shortage_of_ours_is_not_tried_on_the_next_address, 0, 4);
	tcase_add_test(faults, out_of_ports_is_tried_on_the_next_address);
	tcase_add_test(faults, an_interrupted_connect_goes_on);
	tcase_add_loop_test(faults, every_fault_is_a_failed_attempt, 0, 3);
	suite_add_tcase(suite, faults);

	tcase_add_checked_fixture(closing, rig_setup, rig_teardown);
	tcase_add_test(closing, closed_at_once);
	tcase_add_loop_test(closing, closed_while_resolving, 0, 2);
	tcase_add_loop_test(closing, closed_while_connecting, V4, ABSTRACT + 1);
	tcase_add_test(closing, closed_when_done_is_pending);
	tcase_add_loop_test(closing, closed_in_done, V4, ABSTRACT + 1);
	suite_add_tcase(suite, closing);
	return suite;
}

int main(void)
{
	return suite_run(connector_faults_suite());
}
