/* SPDX-License-Identifier: ISC */
/* Tests of the connector: each address family, each way to fail, names. */
#include "stream/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "connector_rig.h"
#include "fixture.h"
#include "lookup.h"
#include "segments.h"
#include "suite.h"

/* ---- success ---- */

START_TEST(connects)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 8);
	int value = 0;
	socklen_t len = sizeof(value);

	start(&addr, NS_NEVER);
	ck_assert_uint_eq(connector_deadline_ns(owner.connector), NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 0);
	ck_assert_uint_eq(owner.late_ns, 0);
	ck_assert_int_eq(memcmp(&owner.last, &addr.sa, addr.sa_len), 0);
	ck_assert(!stream_is_started(owner.stream));
	ck_assert_int_eq(fcntl(stream_fd(owner.stream), F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(stream_fd(owner.stream), F_GETFL) & O_NONBLOCK, 0);
	ck_assert(stream_is_tcp(owner.stream) == (_i == V4 || _i == V6));
	if (stream_is_tcp(owner.stream)) {
		int fd = stream_fd(owner.stream);

		ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
		ck_assert_int_ne(value, 0);
		ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &value, &len), 0);
		ck_assert_int_ne(value, 0);
	}
	owner.connector = connector_close(owner.connector);
	must_work(listener);
	close(listener);
	unlink(path);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 1);
}
END_TEST

/** Returns how many segments a server has received when the first bytes arrive. */
static uint32_t segments_to_server(bool speaks_first)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);
	struct connector_opts opts = options(&addr, NS_NEVER);
	struct pollfd server = {.events = POLLIN};
	uint32_t n;

	opts.speaks_first = speaks_first;
	forget();
	owner.connector = connector_open(&opts);
	ck_assert_ptr_nonnull(owner.connector);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(stream_write(owner.stream, "first", 5, NULL), 0);
	server.fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(server.fd, 0);
	ck_assert_int_eq(poll(&server, 1, -1), 1);
	n = segments_of_all_kinds(server.fd);
	close(server.fd);
	close(listener);
	finish();
	return n;
}

START_TEST(who_speaks_first_is_acknowledged_with_the_bytes)
{
	uint32_t n = segments_to_server(false);

	/* If this process stands still for 200 ms, the kernel sends the ACK alone. Then we try
	 * again. */
	while (segments_to_server(true) != n - 1) {
		loop_settle();
	}
}
END_TEST

START_TEST(the_deadline_is_told)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t before = clock_ns();

	start(&addr, TIMEOUT_NS);
	fixture_turn(__FILE__, __LINE__, "connect(2)");
	ck_assert_uint_ge(connector_deadline_ns(owner.connector), before + TIMEOUT_NS);
	ck_assert_uint_le(connector_deadline_ns(owner.connector), clock_ns() + TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_uint_eq(connector_deadline_ns(owner.connector), NS_NEVER);
	close(client);
	close(listener);
}
END_TEST

/* ---- failure ---- */

START_TEST(refused)
{
	struct addr addr = address_of((enum server_kind)_i);
	int server = serve(&addr, -1); /* bound, so that no other process takes the address */

	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.failures[0], -ECONNREFUSED);
	ck_assert_uint_eq(owner.late_ns, 0);
	ck_assert_int_eq(memcmp(&owner.last, &addr.sa, addr.sa_len), 0);
	close(server);
	unlink(path);
}
END_TEST

START_TEST(a_missing_path)
{
	struct addr addr = address_of(PATH);

	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ENOENT);
}
END_TEST

START_TEST(black_holed_times_out_never_early)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	/* late_ns was computed before done() read the clock for done_ns. */
	ck_assert_uint_le(owner.late_ns, owner.done_ns - begin - TIMEOUT_NS);
	ck_assert_uint_eq(owner.n_failed, 1);
	close(client);
	close(listener);
	unlink(path);
}
END_TEST

START_TEST(another_timeout_applies_to_the_attempt_under_way)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t begin = clock_ns();

	start(&addr, (uint64_t)3600 * NS_PER_S);
	fixture_turn(__FILE__, __LINE__, "connect(2)");
	connector_set_timeout(owner.connector, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns, begin + TIMEOUT_NS);
	close(client);
	close(listener);
	unlink(path);
}
END_TEST

START_TEST(a_timeout_that_has_passed_already_strikes_now_and_is_not_late)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t set_ns;

	start(&addr, NS_NEVER);
	fixture_turn(__FILE__, __LINE__, "connect(2)");
	set_ns = clock_ns();
	connector_set_timeout(owner.connector, 1);
	ck_assert_uint_ge(connector_deadline_ns(owner.connector), set_ns);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_le(owner.late_ns, owner.done_ns - set_ns);
	close(client);
	close(listener);
}
END_TEST

START_TEST(a_unix_server_with_a_full_queue_is_asked_again)
{
	struct addr addr = address_of(ABSTRACT);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t turns = loop_turns(test_loop);
	int fd;

	start(&addr, NS_NEVER);
	loop_for_ms(100);
	ck_assert_int_eq(owner.status, PENDING);
	/* The connector waits 1, 2, 4 ... ms between its tries, so it does not spin. */
	ck_assert_uint_le(loop_turns(test_loop) - turns, 20);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	must_work(listener);
	close(fd);
	close(client);
	close(listener);
}
END_TEST

START_TEST(a_unix_server_that_goes_while_its_queue_is_full)
{
	struct addr addr = address_of(ABSTRACT);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);

	start(&addr, NS_NEVER);
	loop_settle();
	close(listener);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	close(client);
}
END_TEST

/* The address that getsockname() returns instead of ours; NULL: ours. */
static const struct addr *impostor;

int __real_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (impostor != NULL) {
		*len = impostor->sa_len;
		memcpy(sa, &impostor->sa, impostor->sa_len);
		return 0;
	}
	return __real_getsockname(fd, sa, len);
}

START_TEST(a_connection_to_itself_counts_as_refused)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 8);

	impostor = &addr;
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	impostor = NULL;
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	close(listener);
}
END_TEST

/** The timer is due in the turn in which the connection is found; the connection counts. */
START_TEST(a_connection_that_came_in_time_is_not_cut)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);

	start(&addr, NS_PER_US);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	close(listener);
}
END_TEST

/* ---- names ---- */

START_TEST(a_name_is_resolved)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(memcmp(&owner.last, &server.sa, server.sa_len), 0);
	finish();
	/* The answer is known by now, so there is no second lookup. */
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(lookup_n_begun(), 1);
	close(listener);
}
END_TEST

START_TEST(every_address_of_a_name_is_tried)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	/* The server is bound only to 127.0.0.1. */
	lookup_answer("a.example", 0, "127.0.0.2 127.0.0.3 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 2);
	ck_assert_int_eq(owner.failures[0], -ECONNREFUSED);
	ck_assert_int_eq(owner.failures[1], -ECONNREFUSED);
	ck_assert_int_eq(memcmp(&owner.last, &server.sa, server.sa_len), 0);
	close(listener);
}
END_TEST

START_TEST(the_last_address_decides)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 0);
	int client = occupy(&server);
	struct addr addr = name_at("a.example", server.port);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, _i ? "127.0.0.1 127.0.0.2" : "127.0.0.2 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, _i ? -ECONNREFUSED : -ETIMEDOUT);
	ck_assert_uint_eq(owner.n_failed, 2);
	ck_assert_int_eq(owner.failures[!_i], -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	ck_assert(_i ? owner.late_ns == 0 : owner.late_ns <= owner.done_ns - begin - TIMEOUT_NS);
	close(client);
	close(listener);
}
END_TEST

START_TEST(an_ipv6_address_of_a_name_gets_the_port)
{
	struct addr server = address_of(V6);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "::1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	close(listener);
}
END_TEST

START_TEST(a_name_that_does_not_resolve)
{
	struct addr addr = name_at("a.example", 80);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_NONAME, "");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, UV_EAI_NONAME);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.last.any.sa_family, AF_UNSPEC);
}
END_TEST

START_TEST(a_lookup_that_hangs_times_out)
{
	struct addr addr = name_at("a.example", 80);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	ck_assert_uint_le(owner.late_ns, owner.done_ns - begin - TIMEOUT_NS);
	ck_assert_int_eq(owner.last.any.sa_family, AF_UNSPEC);
	lookup_answer("a.example", UV_EAI_AGAIN, "");
}
END_TEST

static Suite *connector_suite(void)
{
	Suite *suite = suite_create("connector");
	TCase *success = tcase_create("success");
	TCase *failure = tcase_create("failure");
	TCase *names = tcase_create("names");

	tcase_add_checked_fixture(success, rig_setup, rig_teardown);
	tcase_add_loop_test(success, connects, V4, ABSTRACT + 1);
	tcase_add_test(success, who_speaks_first_is_acknowledged_with_the_bytes);
	tcase_add_test(success, the_deadline_is_told);
	suite_add_tcase(suite, success);

	tcase_add_checked_fixture(failure, rig_setup, rig_teardown);
	tcase_add_loop_test(failure, refused, V4, ABSTRACT + 1);
	tcase_add_test(failure, a_missing_path);
	tcase_add_loop_test(failure, black_holed_times_out_never_early, V4, ABSTRACT + 1);
	tcase_add_loop_test(
		failure, another_timeout_applies_to_the_attempt_under_way, V4, ABSTRACT + 1);
	tcase_add_test(failure, a_timeout_that_has_passed_already_strikes_now_and_is_not_late);
	tcase_add_test(failure, a_unix_server_with_a_full_queue_is_asked_again);
	tcase_add_test(failure, a_unix_server_that_goes_while_its_queue_is_full);
	tcase_add_loop_test(failure, a_connection_to_itself_counts_as_refused, V4, V6 + 1);
	tcase_add_test(failure, a_connection_that_came_in_time_is_not_cut);
	suite_add_tcase(suite, failure);

	tcase_add_checked_fixture(names, rig_setup, rig_teardown);
	tcase_add_test(names, a_name_is_resolved);
	tcase_add_test(names, every_address_of_a_name_is_tried);
	tcase_add_loop_test(names, the_last_address_decides, 0, 2);
	tcase_add_test(names, an_ipv6_address_of_a_name_gets_the_port);
	tcase_add_test(names, a_name_that_does_not_resolve);
	tcase_add_test(names, a_lookup_that_hangs_times_out);
	suite_add_tcase(suite, names);
	return suite;
}

int main(void)
{
	return suite_run(connector_suite());
}
