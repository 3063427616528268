/* SPDX-License-Identifier: ISC */
/* Tests of the acceptor: draining, and everything that its owner may do in a callback. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "acceptor_rig.h"
#include "fault.h"
#include "fixture.h"
#include "stream/listen.h"
#include "suite.h"

/* ---- draining ---- */

START_TEST(draining_serves_what_waits_then_leaves_the_closing_to_its_owner)
{
	start(_i);
	acceptor_pause(owner.acceptor);
	connect_clients(40);
	acceptor_resume(owner.acceptor);
	acceptor_drain(owner.acceptor);
	acceptor_drain(owner.acceptor);
	ck_assert_uint_eq(owner.n_accepted, 0);
	ck_assert_uint_eq(owner.n_drained, 0);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 40);
	/* The socket is still open: as no newcomer can connect, its close may wait. */
	ck_assert_int_ge(owner.fd_when_drained, 0);
	loop_settle();
	ck_assert_uint_eq(owner.n_drained, 1);
	/* After a drain all of these calls are harmless. */
	acceptor_drain(owner.acceptor);
	acceptor_pause(owner.acceptor);
	acceptor_resume(owner.acceptor);
	loop_settle();
	ck_assert_uint_eq(owner.n_drained, 1);
}
END_TEST

START_TEST(draining_an_empty_queue_ends_though_paused)
{
	start(_i & 1);
	if (_i & 2) {
		acceptor_pause(owner.acceptor);
	}
	acceptor_drain(owner.acceptor);
	acceptor_pause(owner.acceptor);
	ck_assert_uint_eq(owner.n_drained, 0);
	loop_until(owner.n_drained == 1);
}
END_TEST

START_TEST(draining_waits_at_the_limit)
{
	owner.limit = 3;
	start(_i);
	connect_clients(5);
	loop_until(acceptor_is_paused(owner.acceptor));
	acceptor_drain(owner.acceptor);
	must_be_silent();
	ck_assert_uint_eq(owner.n_drained, 0);
	owner.limit = 4;
	acceptor_resume(owner.acceptor);
	loop_until(acceptor_is_paused(owner.acceptor));
	ck_assert_uint_eq(owner.n_accepted, 4);
	owner.limit = 6;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 5);
}
END_TEST

/** What the kernel knows of a TCP connection (tcp_states.h). */
static unsigned tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

START_TEST(draining_lets_nobody_new_in_and_resets_nobody)
{
	int newcomer;

	owner.limit = 0;
	start(_i);
	connect_clients(3);
	loop_until(acceptor_is_paused(owner.acceptor));
	ck_assert(acceptor_drain(owner.acceptor));
	if (_i) {
		ck_assert_int_eq(connect_newcomer(&newcomer), -ECONNREFUSED);
	} else {
		/* The newcomer is refused at once, as if nobody listened. */
		ck_assert_int_eq(connect_newcomer(&newcomer), -EINPROGRESS);
		ck_assert_uint_eq(tcp_state(newcomer), TCP_CLOSE);
	}
	owner.limit = CLIENTS_MAX;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 3);
}
END_TEST

START_TEST(another_socket_of_the_address_gets_who_comes_to_one_that_drains)
{
	struct listen_socket other;
	int newcomer;

	owner.limit = 0;
	start(false);
	connect_clients(1);
	loop_until(acceptor_is_paused(owner.acceptor));
	ck_assert(acceptor_drain(owner.acceptor));
	listen_again(&other);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(connect_newcomer(&newcomer), -EINPROGRESS);
		ck_assert_uint_eq(tcp_state(newcomer), TCP_ESTABLISHED);
	}
	ck_assert_int_eq(listen_queue_length(other.fd), 20);
	listen_close(&other);
}
END_TEST

START_TEST(handshake_that_ends_while_draining_is_served)
{
	static const int defer_s = 60;
	struct pollfd server = {.events = POLLIN};
	int client;

	owner.limit = 0;
	start(false);
	connect_clients(1);
	loop_until(acceptor_is_paused(owner.acceptor));
	/* With TCP_DEFER_ACCEPT the handshake is under way until the client's first byte. */
	ck_assert_int_eq(setsockopt(acceptor_fd(owner.acceptor), IPPROTO_TCP, TCP_DEFER_ACCEPT,
				 &defer_s, sizeof(defer_s)),
		0);
	ck_assert_int_eq(connect_newcomer(&client), -EINPROGRESS);
	ck_assert(acceptor_drain(owner.acceptor));
	ck_assert_uint_eq(tcp_state(client), TCP_ESTABLISHED);
	ck_assert_int_eq(send(client, "x", 1, 0), 1);
	owner.limit = CLIENTS_MAX;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 2);
	server.fd = owner.fds[1];
	ck_assert_int_eq(poll(&server, 1, 10000), 1);
}
END_TEST

/** setsockopt(2) fails as on a kernel before 5.1, which cannot keep newcomers out. */
START_TEST(draining_serves_what_waits_where_nobody_can_be_kept_out)
{
	int newcomer;

	owner.limit = 0;
	start(false);
	connect_clients(3);
	loop_until(acceptor_is_paused(owner.acceptor));
	fault_only_call("setsockopt");
	fault_set_errno(ENOPROTOOPT);
	fault_arm(1);
	ck_assert(!acceptor_drain(owner.acceptor));
	ck_assert(fault_disarm());
	ck_assert(!acceptor_drain(owner.acceptor));
	ck_assert_int_eq(connect_newcomer(&newcomer), -EINPROGRESS);
	owner.limit = CLIENTS_MAX;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 3);
	ck_assert_int_eq(owner.fd_when_drained, -1); /* closed at once, before more clients come */
}
END_TEST

START_TEST(draining_a_shared_socket_takes_no_newcomers_for_ever)
{
	/* The limit delays the drain, so that more clients can join the queue. */
	owner.limit = 0;
	owner.is_shared = true;
	start(false);
	connect_clients(3);
	loop_until(acceptor_is_paused(owner.acceptor));
	acceptor_drain(owner.acceptor);
	connect_clients(3);
	owner.limit = CLIENTS_MAX;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 3);
}
END_TEST

START_TEST(draining_survives_a_shortage)
{
	start(_i);
	acceptor_pause(owner.acceptor);
	connect_clients(2);
	fail_accepts(1, EMFILE);
	acceptor_resume(owner.acceptor);
	acceptor_drain(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_resting, 1);
	ck_assert_uint_eq(owner.n_accepted, 2);
}
END_TEST

START_TEST(draining_ends_when_the_socket_is_of_no_use)
{
	start(false);
	acceptor_pause(owner.acceptor);
	connect_clients(2);
	fail_accepts(1, EINVAL);
	acceptor_resume(owner.acceptor);
	acceptor_drain(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 0);
}
END_TEST

START_TEST(draining_while_resting_goes_on_afterwards)
{
	start(false);
	fail_accepts(1, ENFILE);
	connect_clients(2);
	loop_until(owner.n_resting == 1);
	acceptor_drain(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 2);
}
END_TEST

/* ---- calls in callbacks ---- */

START_TEST(closing_in_any_callback_is_safe)
{
	owner.moment = (enum moment)_i;
	owner.deed = CLOSE;
	start(false);
	acceptor_pause(owner.acceptor);
	connect_clients(3);
	if (owner.moment == IN_RESTING) {
		fail_accepts(1, EMFILE);
	} else if (owner.moment == IN_REFUSED) {
		fail_accepts(1, EAGAIN);
	}
	acceptor_resume(owner.acceptor);
	if (owner.moment == IN_DRAINED) {
		acceptor_drain(owner.acceptor);
	}
	loop_until(owner.acceptor == NULL);
	loop_settle();
	ck_assert_uint_eq(owner.n_accepted,
		owner.moment == IN_ACCEPTED ? 1 : (owner.moment == IN_DRAINED ? 3 : 0));
	fail_accepts(0, 0);
}
END_TEST

START_TEST(pausing_in_any_callback_is_heeded)
{
	owner.moment = (enum moment)_i;
	owner.deed = PAUSE;
	start(false);
	connect_clients(3);
	loop_until(acceptor_is_paused(owner.acceptor));
	must_be_silent();
	ck_assert_uint_eq(owner.n_accepted, owner.moment == IN_ACCEPTED ? 1 : 0);
	owner.moment = NEVER;
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_accepted == 3);
}
END_TEST

START_TEST(draining_may_begin_in_any_callback)
{
	owner.moment = (enum moment)_i;
	owner.deed = DRAIN;
	start(false);
	acceptor_pause(owner.acceptor);
	connect_clients(3);
	if (owner.moment == IN_RESTING) {
		fail_accepts(1, EMFILE);
	}
	acceptor_resume(owner.acceptor);
	loop_until(owner.n_drained == 1);
	ck_assert_uint_eq(owner.n_accepted, 3);
}
END_TEST

START_TEST(closing_at_any_state_leaves_nothing)
{
	start(false);
	switch (_i) {
	case 0: /* closed at once */
		break;
	case 1:
		acceptor_pause(owner.acceptor);
		break;
	case 2:
		fail_accepts(1, EMFILE);
		connect_clients(1);
		loop_until(owner.n_resting == 1);
		break;
	case 3:
		connect_clients(1);
		acceptor_drain(owner.acceptor);
		break;
	default:
		acceptor_drain(owner.acceptor);
		loop_until(owner.n_drained == 1);
		break;
	}
	owner.acceptor = acceptor_close(owner.acceptor);
	loop_settle();
	ck_assert_uint_eq(owner.n_accepted, 0);
}
END_TEST

static Suite *acceptor_drain_suite(void)
{
	Suite *suite = suite_create("acceptor_drain");
	TCase *draining = tcase_create("draining");
	TCase *callbacks = tcase_create("callbacks");

	tcase_add_checked_fixture(draining, rig_setup, rig_teardown);
	tcase_add_loop_test(
		draining, draining_serves_what_waits_then_leaves_the_closing_to_its_owner, 0, 2);
	tcase_add_loop_test(draining, draining_an_empty_queue_ends_though_paused, 0, 4);
	tcase_add_loop_test(draining, draining_waits_at_the_limit, 0, 2);
	tcase_add_loop_test(draining, draining_lets_nobody_new_in_and_resets_nobody, 0, 2);
	tcase_add_test(draining, another_socket_of_the_address_gets_who_comes_to_one_that_drains);
	tcase_add_test(draining, handshake_that_ends_while_draining_is_served);
	tcase_add_test(draining, draining_serves_what_waits_where_nobody_can_be_kept_out);
	tcase_add_test(draining, draining_a_shared_socket_takes_no_newcomers_for_ever);
	tcase_add_loop_test(draining, draining_survives_a_shortage, 0, 2);
	tcase_add_test(draining, draining_ends_when_the_socket_is_of_no_use);
	tcase_add_test(draining, draining_while_resting_goes_on_afterwards);
	suite_add_tcase(suite, draining);

	tcase_add_checked_fixture(callbacks, rig_setup, rig_teardown);
	tcase_add_loop_test(callbacks, closing_in_any_callback_is_safe, IN_ADMIT, IN_DRAINED + 1);
	tcase_add_loop_test(callbacks, pausing_in_any_callback_is_heeded, IN_ADMIT, IN_ADMIT + 1);
	tcase_add_loop_test(
		callbacks, pausing_in_any_callback_is_heeded, IN_ACCEPTED, IN_ACCEPTED + 1);
	tcase_add_loop_test(callbacks, draining_may_begin_in_any_callback, IN_ADMIT, IN_ADMIT + 1);
	tcase_add_loop_test(
		callbacks, draining_may_begin_in_any_callback, IN_ACCEPTED, IN_RESTING + 1);
	tcase_add_loop_test(callbacks, closing_at_any_state_leaves_nothing, 0, 5);
	suite_add_tcase(suite, callbacks);
	return suite;
}

int main(void)
{
	return suite_run(acceptor_drain_suite());
}
