/* SPDX-License-Identifier: ISC */
/* Tests of the acceptor: limits, shortages, errors. */
#include "stream/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceptor_rig.h"
#include "base/clock.h"
#include "base/fds.h"
#include "fault.h"
#include "fixture.h"
#include "stream/listen.h"
#include "suite.h"

/* ---- accepting ---- */

START_TEST(accepts_all_that_come)
{
	start(_i);
	connect_clients(40);
	loop_until(owner.n_accepted == 40);
	ck_assert_int_eq(owner.peer_family, _i ? AF_UNIX : AF_INET);
	connect_clients(1);
	loop_until(owner.n_accepted == 41);
}
END_TEST

/** The acceptor takes more in each turn, up to a maximum: 1, 2, 4, 8, 16, and then the other 9. */
START_TEST(accepts_a_bounded_number_a_turn)
{
	uint64_t began = loop_turns(test_loop);
	unsigned before = 0;

	start(_i);
	connect_clients(40);
	while (owner.n_accepted < 40) {
		fixture_turn(__FILE__, __LINE__, "a turn");
		ck_assert_uint_le(owner.n_accepted - before, ACCEPTOR_A_TURN);
		before = owner.n_accepted;
	}
	ck_assert_uint_le(loop_turns(test_loop) - began, 6);
}
END_TEST

static int nodelay_of(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	return on;
}

START_TEST(connections_that_came_before_the_options_get_them)
{
	static const int off = 0;
	struct acceptor_opts opts = options(make_listener(false));
	const char *why;

	ck_assert_int_eq(setsockopt(opts.fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off)), 0);
	connect_clients(20);
	ck_assert_int_eq(listen_adopt(opts.fd, NULL, NULL, &why), 0);
	owner.acceptor = acceptor_open(&opts);
	connect_clients(1);
	loop_until(owner.n_accepted == 21);
	for (unsigned i = 0; i < owner.n_accepted; i++) {
		ck_assert_int_ne(nodelay_of(owner.fds[i]), 0);
	}
}
END_TEST

START_TEST(works_without_limits)
{
	struct acceptor_opts opts = options(make_listener(false));

	opts.admit = NULL;
	opts.refused = NULL;
	opts.resting = NULL;
	opts.drained = NULL;
	owner.acceptor = acceptor_open(&opts);
	connect_clients(3);
	fail_accepts(1, EMFILE);
	loop_until(owner.n_accepted == 3);
	owner.places = 3; /* teardown() gives them back */
}
END_TEST

START_TEST(pauses_at_the_limit_and_costs_nothing)
{
	owner.limit = 5;
	start(_i);
	connect_clients(12);
	loop_until(acceptor_is_paused(owner.acceptor));
	ck_assert_uint_eq(owner.n_accepted, 5);
	must_be_silent();
	ck_assert_uint_eq(owner.n_accepted, 5);
	owner.limit = 8;
	acceptor_resume(owner.acceptor);
	acceptor_resume(owner.acceptor);
	ck_assert(!acceptor_is_paused(owner.acceptor));
	loop_until(acceptor_is_paused(owner.acceptor));
	ck_assert_uint_eq(owner.n_accepted, 8);
	owner.limit = 12;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 12);
}
END_TEST

START_TEST(is_paused_and_resumed_by_its_owner)
{
	start(_i);
	acceptor_pause(owner.acceptor);
	acceptor_pause(owner.acceptor);
	connect_clients(2);
	must_be_silent();
	ck_assert_uint_eq(owner.n_accepted, 0);
	acceptor_resume(owner.acceptor);
	ck_assert_uint_eq(owner.n_accepted, 0);
	loop_until(owner.n_accepted == 2);
}
END_TEST

START_TEST(a_place_that_is_not_needed_goes_back)
{
	owner.limit = 1;
	start(_i);
	connect_clients(1);
	acceptor_pause(owner.acceptor);
	loop_settle();
	fail_accepts(1, EAGAIN); /* as if another process had accepted it */
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 1);
	ck_assert_uint_ge(n_calls, 2);
	ck_assert_uint_eq(owner.n_resting, 0);
}
END_TEST

/* ---- errors ---- */

START_TEST(errors_of_one_connection_do_not_hold_up_the_next)
{
	static const int errors[] = {ECONNABORTED, EINTR, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT,
		EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};

	start(false);
	fail_accepts(1, errors[_i]);
	connect_clients(1);
	loop_until(owner.n_accepted == 1);
	ck_assert_uint_eq(owner.n_resting, 0);
}
END_TEST

START_TEST(rests_when_out_of_fds_or_memory)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL};
	uint64_t begin = clock_ns();

	start(false);
	fail_accepts(1, errors[_i]);
	connect_clients(3);
	loop_until(owner.n_resting == 1);
	ck_assert_int_eq(owner.error, -errors[_i]);
	ck_assert_uint_eq(owner.places, 0);
	ck_assert(!acceptor_is_paused(owner.acceptor));
	loop_until(owner.n_accepted == 3);
	ck_assert_uint_ge(clock_ns() - begin, (uint64_t)ACCEPTOR_REST_MS * NS_PER_MS);
	ck_assert_uint_eq(owner.n_resting, 1);
}
END_TEST

START_TEST(an_error_without_end_is_no_spin)
{
	uint64_t turns;

	start(false);
	fail_accepts(INT32_MAX, _i ? EPERM : EMFILE);
	connect_clients(1);
	loop_until(owner.n_resting == 1);
	turns = loop_turns(test_loop);
	loop_until(owner.n_resting == 4);
	/* There are three rests, and each needs a few turns at most. */
	ck_assert_uint_le(loop_turns(test_loop) - turns, 15);
	ck_assert_uint_le(n_calls, 4 * ACCEPTOR_A_TURN);
	fail_accepts(0, 0);
	loop_until(owner.n_accepted == 1);
}
END_TEST

START_TEST(a_pause_outlasts_a_rest)
{
	start(false);
	fail_accepts(1, EMFILE);
	connect_clients(1);
	loop_until(owner.n_resting == 1);
	acceptor_pause(owner.acceptor);
	loop_for_ms(ACCEPTOR_REST_MS + 50);
	ck_assert_uint_eq(owner.n_accepted, 0);
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 1);
}
END_TEST

START_TEST(a_rest_outlasts_a_pause)
{
	uint64_t begin = clock_ns();

	start(false);
	fail_accepts(1, EMFILE);
	connect_clients(1);
	loop_until(owner.n_resting == 1);
	acceptor_pause(owner.acceptor);
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 1);
	ck_assert_uint_ge(clock_ns() - begin, (uint64_t)ACCEPTOR_REST_MS * NS_PER_MS);
}
END_TEST

START_TEST(a_watch_that_fails_is_tried_again)
{
	start(false);
	acceptor_pause(owner.acceptor);
	connect_clients(1);
	fault_only_call("epoll_ctl");
	fault_arm(1);
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 1);
	loop_settle();
	ck_assert(fault_disarm()); /* the queue was empty, so it tried to watch */
	connect_clients(1);
	loop_until(owner.n_accepted == 2);
}
END_TEST

START_TEST(opening_fails_whole)
{
	struct acceptor_opts opts = options(make_listener(false));
	bool met = true;

	for (unsigned n = 1; met; n++) {
		fault_only(FAULT_MEMORY | FAULT_LOOP);
		fault_arm(n);
		errno = 0;
		owner.acceptor = acceptor_open(&opts);
		met = fault_disarm();
		ck_assert(met == (owner.acceptor == NULL));
		ck_assert(!met || errno == ENOMEM || errno == ENOSPC);
		ck_assert_int_ne(fcntl(opts.fd, F_GETFD), -1);
	}
}
END_TEST

START_TEST(what_is_missing_or_closed_is_an_answer)
{
	struct acceptor_opts opts = options(make_listener(false));
	struct acceptor_opts wrong[5];

	for (unsigned i = 0; i < 5; i++) {
		wrong[i] = opts;
	}
	wrong[0].loop = NULL;
	wrong[1].fd = -1;
	wrong[2].accepted = NULL;
	wrong[3].admit = NULL;
	wrong[4].refused = NULL;
	for (unsigned i = 0; i < 5; i++) {
		errno = 0;
		ck_assert_ptr_null(acceptor_open(&wrong[i]));
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_ptr_null(acceptor_open(NULL));
	opts.drained = NULL;
	owner.acceptor = acceptor_open(&opts);
	/* Without drained() a drain is refused, and the acceptor goes on. */
	ck_assert(!acceptor_drain(owner.acceptor));
	connect_clients(1);
	loop_until(owner.n_accepted == 1);

	acceptor_pause(NULL);
	acceptor_resume(NULL);
	ck_assert(!acceptor_is_paused(NULL));
	ck_assert(!acceptor_drain(NULL));
	ck_assert_int_eq(acceptor_set_options(NULL, NULL), -EINVAL);
	ck_assert_int_eq(acceptor_fd(NULL), -1);
	ck_assert_ptr_null(acceptor_close(NULL));
}
END_TEST

/** The copy is like that of a child between fork and exec. This is the last test of the program,
 * because fds_allow_copies() cannot be undone. */
START_TEST(a_closed_one_frees_its_address_although_a_child_has_a_copy)
{
	static const int on = 1;
	union addr_sockaddr name;
	socklen_t len = sizeof(name);
	int copy;
	int again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fds_allow_copies();
	start(0);
	copy = dup(acceptor_fd(owner.acceptor));
	ck_assert_int_ge(copy, 0);
	ck_assert_int_eq(getsockname(copy, &name.any, &len), 0);
	owner.acceptor = acceptor_close(owner.acceptor);
	ck_assert_int_eq(setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(again, &name.any, len), 0);
	ck_assert_int_eq(listen(again, 1), 0);
	close(again);
	close(copy);
}
END_TEST

static Suite *acceptor_suite(void)
{
	Suite *suite = suite_create("acceptor");
	TCase *accepting = tcase_create("accepting");
	TCase *errors = tcase_create("errors");

	tcase_add_checked_fixture(accepting, rig_setup, rig_teardown);
	tcase_add_loop_test(accepting, accepts_all_that_come, 0, 2);
	tcase_add_loop_test(accepting, accepts_a_bounded_number_a_turn, 0, 2);
	tcase_add_test(accepting, connections_that_came_before_the_options_get_them);
	tcase_add_test(accepting, works_without_limits);
	tcase_add_loop_test(accepting, pauses_at_the_limit_and_costs_nothing, 0, 2);
	tcase_add_loop_test(accepting, is_paused_and_resumed_by_its_owner, 0, 2);
	tcase_add_loop_test(accepting, a_place_that_is_not_needed_goes_back, 0, 2);
	suite_add_tcase(suite, accepting);

	tcase_add_checked_fixture(errors, rig_setup, rig_teardown);
	tcase_add_loop_test(errors, errors_of_one_connection_do_not_hold_up_the_next, 0, 11);
	tcase_add_loop_test(errors, rests_when_out_of_fds_or_memory, 0, 5);
	tcase_add_loop_test(errors, an_error_without_end_is_no_spin, 0, 2);
	tcase_add_test(errors, a_pause_outlasts_a_rest);
	tcase_add_test(errors, a_rest_outlasts_a_pause);
	tcase_add_test(errors, a_watch_that_fails_is_tried_again);
	tcase_add_test(errors, opening_fails_whole);
	tcase_add_test(errors, what_is_missing_or_closed_is_an_answer);
	tcase_add_test(errors, a_closed_one_frees_its_address_although_a_child_has_a_copy);
	suite_add_tcase(suite, errors);
	return suite;
}

int main(void)
{
	return suite_run(acceptor_suite());
}
