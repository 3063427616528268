/* SPDX-License-Identifier: ISC */
/* The acceptor: limits, shortages, draining, closing at any moment. */
#include "stream/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "stream/listen.h"
#include "suite.h"

enum { CLIENTS_MAX = 64 };

/* What the acceptor's owner does in which callback. */
enum moment { NEVER, IN_ADMIT, IN_REFUSED, IN_ACCEPTED, IN_RESTING, IN_DRAINED };
enum deed { CLOSE, PAUSE, DRAIN };

static struct owner {
	struct acceptor *acceptor;
	unsigned limit;  /* places; as in a limit, admit() takes one */
	unsigned places; /* taken */
	unsigned n_accepted;
	unsigned n_resting;
	unsigned n_drained;
	int error; /* of resting() */
	int peer_family;
	int fds[CLIENTS_MAX];
	enum moment moment;
	enum deed deed;
} owner;

static struct addr address; /* where the listener is */
static int clients[CLIENTS_MAX];
static int n_clients;

static void act(enum moment moment)
{
	if (owner.moment != moment || owner.acceptor == NULL) {
		return;
	}
	switch (owner.deed) {
	case CLOSE:
		owner.acceptor = acceptor_close(owner.acceptor);
		break;
	case PAUSE:
		acceptor_pause(owner.acceptor);
		break;
	case DRAIN:
		acceptor_drain(owner.acceptor);
		break;
	}
}

static bool on_admit(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	act(IN_ADMIT);
	if (owner.places == owner.limit) {
		return false;
	}
	owner.places++;
	return true;
}

static void on_refused(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_uint_gt(owner.places, 0);
	owner.places--;
	act(IN_REFUSED);
}

static void on_accepted(void *data, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_uint_lt(owner.n_accepted, CLIENTS_MAX);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_gt(peer_len, 0);
	owner.peer_family = peer->any.sa_family;
	owner.fds[owner.n_accepted++] = fd;
	act(IN_ACCEPTED);
}

static void on_resting(void *data, int err)
{
	ck_assert_ptr_eq(data, &owner);
	owner.n_resting++;
	owner.error = err;
	act(IN_RESTING);
}

static void on_drained(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_int_eq(acceptor_fd(owner.acceptor), -1);
	owner.n_drained++;
	act(IN_DRAINED);
}

static int make_listener(bool is_unix)
{
	struct listen_socket socket = {.fd = -1};
	socklen_t len = sizeof(address.sa);

	memset(&address, 0, sizeof(address));
	if (is_unix) {
		address.kind = ADDR_UNIX;
		address.sa.un.sun_family = AF_UNIX;
		address.sa_len = sizeof(sa_family_t); /* the kernel picks an abstract name */
	} else {
		address.kind = ADDR_INET;
		address.sa.in.sin_family = AF_INET;
		address.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.sa_len = sizeof(address.sa.in);
	}
	ck_assert_int_eq(listen_open(&address, 0600, &socket, NULL), 0);
	ck_assert_int_eq(getsockname(socket.fd, &address.sa.any, &len), 0);
	address.sa_len = len;
	return socket.fd;
}

static struct acceptor_opts options(int fd)
{
	return (struct acceptor_opts){
		.loop = test_loop,
		.fd = fd,
		.owner = &owner,
		.admit = on_admit,
		.refused = on_refused,
		.accepted = on_accepted,
		.resting = on_resting,
		.drained = on_drained,
	};
}

static void start(bool is_unix)
{
	struct acceptor_opts opts = options(make_listener(is_unix));

	owner.acceptor = acceptor_open(&opts);
	ck_assert_ptr_nonnull(owner.acceptor);
	ck_assert_int_eq(acceptor_fd(owner.acceptor), opts.fd);
}

static void setup(void)
{
	fixture_setup();
	memset(&owner, 0, sizeof(owner));
	owner.limit = CLIENTS_MAX;
	n_clients = 0;
}

static void teardown(void)
{
	owner.acceptor = acceptor_close(owner.acceptor);
	/* Places and connections belong together, whatever happened. */
	ck_assert_uint_eq(owner.places, owner.n_accepted);
	for (unsigned i = 0; i < owner.n_accepted; i++) {
		close(owner.fds[i]);
	}
	for (int i = 0; i < n_clients; i++) {
		close(clients[i]);
	}
	fixture_teardown();
}

static void connect_clients(int n)
{
	fault_suspend();
	for (int i = 0; i < n; i++) {
		int fd = socket(address.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(connect(fd, &address.sa.any, address.sa_len), 0);
		ck_assert_int_lt(n_clients, CLIENTS_MAX);
		clients[n_clients++] = fd;
	}
	fault_resume();
}

/** The next `n` accept4()s fail with `err`. fault.h has one at a time. */
static int n_failing;
static int failing_errno;
static unsigned n_calls;

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	n_calls++;
	if (n_failing > 0) {
		n_failing--;
		errno = failing_errno;
		return -1;
	}
	return __real_accept4(fd, sa, len, flags);
}

static void fail_accepts(int n, int err)
{
	n_failing = n;
	failing_errno = err;
	n_calls = 0;
}

/** Nothing wakes the loop by itself: turns in 50 ms are but those of the waiting. */
static void must_be_silent(void)
{
	uint64_t turns;

	loop_settle();
	turns = loop_turns(test_loop);
	loop_for_ms(50);
	ck_assert_uint_le(loop_turns(test_loop) - turns, 5);
}

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

START_TEST(accepts_a_bounded_number_a_turn)
{
	unsigned before = 0;

	start(_i);
	connect_clients(40);
	while (owner.n_accepted < 40) {
		fixture_turn(__FILE__, __LINE__, "a turn");
		ck_assert_uint_le(owner.n_accepted - before, ACCEPTOR_A_TURN);
		before = owner.n_accepted;
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
	owner.places = 3; /* for teardown() */
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
	fail_accepts(1, EAGAIN); /* as when another process took it */
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
	/* Three rests, and at most a few turns around each. */
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
	ck_assert(fault_disarm());
	loop_until(owner.n_accepted == 1);
}
END_TEST

START_TEST(opening_fails_whole)
{
	struct acceptor_opts opts = options(make_listener(false));
	bool met = true;

	for (unsigned n = 1; met; n++) {
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

/* ---- draining ---- */

START_TEST(draining_serves_what_waits_then_closes)
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
	loop_settle();
	ck_assert_uint_eq(owner.n_drained, 1);
	/* All of it is harmless afterwards. */
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

START_TEST(draining_takes_no_newcomers_for_ever)
{
	/* The limit holds it up, so that more can come to the queue than were there. */
	owner.limit = 0;
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

/* ---- anything in any callback ---- */

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
	case 0: /* at once */
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

static Suite *acceptor_suite(void)
{
	Suite *suite = suite_create("acceptor");
	TCase *accepting = tcase_create("accepting");
	TCase *errors = tcase_create("errors");
	TCase *draining = tcase_create("draining");
	TCase *callbacks = tcase_create("callbacks");

	tcase_add_checked_fixture(accepting, setup, teardown);
	tcase_add_loop_test(accepting, accepts_all_that_come, 0, 2);
	tcase_add_loop_test(accepting, accepts_a_bounded_number_a_turn, 0, 2);
	tcase_add_test(accepting, works_without_limits);
	tcase_add_loop_test(accepting, pauses_at_the_limit_and_costs_nothing, 0, 2);
	tcase_add_loop_test(accepting, is_paused_and_resumed_by_its_owner, 0, 2);
	tcase_add_loop_test(accepting, a_place_that_is_not_needed_goes_back, 0, 2);
	suite_add_tcase(suite, accepting);

	tcase_add_checked_fixture(errors, setup, teardown);
	tcase_add_loop_test(errors, errors_of_one_connection_do_not_hold_up_the_next, 0, 11);
	tcase_add_loop_test(errors, rests_when_out_of_fds_or_memory, 0, 5);
	tcase_add_loop_test(errors, an_error_without_end_is_no_spin, 0, 2);
	tcase_add_test(errors, a_pause_outlasts_a_rest);
	tcase_add_test(errors, a_rest_outlasts_a_pause);
	tcase_add_test(errors, a_watch_that_fails_is_tried_again);
	tcase_add_test(errors, opening_fails_whole);
	suite_add_tcase(suite, errors);

	tcase_add_checked_fixture(draining, setup, teardown);
	tcase_add_loop_test(draining, draining_serves_what_waits_then_closes, 0, 2);
	tcase_add_loop_test(draining, draining_an_empty_queue_ends_though_paused, 0, 4);
	tcase_add_loop_test(draining, draining_waits_at_the_limit, 0, 2);
	tcase_add_test(draining, draining_takes_no_newcomers_for_ever);
	tcase_add_loop_test(draining, draining_survives_a_shortage, 0, 2);
	tcase_add_test(draining, draining_ends_when_the_socket_is_of_no_use);
	tcase_add_test(draining, draining_while_resting_goes_on_afterwards);
	suite_add_tcase(suite, draining);

	tcase_add_checked_fixture(callbacks, setup, teardown);
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
	return suite_run(acceptor_suite());
}
