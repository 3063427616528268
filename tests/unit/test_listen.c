/* SPDX-License-Identifier: ISC */
/* Listening sockets: TCP and sharing, inherited ones, and each call that fails. */
#include "stream/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "listen_rig.h"
#include "port.h"
#include "suite.h"

/* ---- TCP ---- */

START_TEST(tcp_sockets_are_nonblocking_and_hand_their_options_on)
{
	struct addr addr = tcp4();
	struct listen_socket socket = must_open(&addr);
	socklen_t len;
	union addr_sockaddr sa = bound_name(socket.fd, &len);
	int client = connect_to(&sa.any, len);
	int fd = accept4(socket.fd, NULL, NULL, SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(socket.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(socket.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(flag_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(flag_of(fd, SOL_SOCKET, SO_OOBINLINE), 0);
	ck_assert_ptr_null(socket.claim);
	close(fd);
	close(client);
	listen_close(&socket);
	ck_assert_int_eq(socket.fd, -1);
	listen_close(&socket);
}
END_TEST

START_TEST(a_port_in_use_is_refused)
{
	struct addr addr = tcp4();
	int reserved = port_reserve(&addr);
	struct listen_socket socket = must_open(&addr);

	must_fail(&addr, -EADDRINUSE, "another process");
	listen_close(&socket);
	socket = must_open(&addr);
	listen_close(&socket);
	close(reserved);
}
END_TEST

START_TEST(a_port_with_connections_in_time_wait_can_be_opened_again)
{
	struct addr addr = tcp4();
	int reserved = port_reserve(&addr);
	struct listen_socket socket = must_open(&addr);
	socklen_t len;
	int client;
	int fd;

	addr.sa = bound_name(socket.fd, &len);
	client = connect_to(&addr.sa.any, len);
	fd = accept4(socket.fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd); /* our end closes first, so that TIME_WAIT is on our side */
	close(client);
	listen_close(&socket);
	socket = must_open(&addr);
	listen_close(&socket);
	close(reserved);
}
END_TEST

START_TEST(of_two_that_bind_at_the_same_moment_one_listens)
{
	struct addr addr = tcp4();
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	struct listen_socket socket;
	socklen_t len;

	ck_assert_int_eq(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(other, &addr.sa.any, addr.sa_len), 0);
	addr.sa = bound_name(other, &len);
	socket = must_open(&addr);
	ck_assert_int_eq(listen(other, 1), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(other);
	listen_close(&socket);
}
END_TEST

static unsigned count_accepted(int fd)
{
	unsigned n = 0;

	for (;;) {
		int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (accepted < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			return n;
		}
		close(accepted);
		n++;
	}
}

START_TEST(more_sockets_share_the_connections)
{
	struct addr addr = _i == 0 ? tcp4() : tcp6(ADDR_ANY);
	struct listen_socket first = must_open(&addr);
	struct listen_socket more = {.fd = -1};
	struct addr target = tcp4();
	enum { N_CLIENTS = 64 };
	int clients[N_CLIENTS];
	unsigned n_first;
	unsigned n_more;
	socklen_t len;
	union addr_sockaddr name = bound_name(first.fd, &len);

	target.sa.in.sin_port = name.in.sin_port;
	ck_assert_int_eq(listen_open_more(&first, NULL, &more), 0);
	for (int i = 0; i < N_CLIENTS; i++) {
		clients[i] = connect_to(&target.sa.any, target.sa_len);
	}
	n_first = count_accepted(first.fd);
	n_more = count_accepted(more.fd);
	ck_assert_uint_eq(n_first + n_more, N_CLIENTS);
	/* The kernel chooses by a hash: all 64 come to one socket with a chance of 1 in 2^63. */
	ck_assert_uint_gt(n_first, 0);
	ck_assert_uint_gt(n_more, 0);
	for (int i = 0; i < N_CLIENTS; i++) {
		close(clients[i]);
	}
	listen_close(&more);
	listen_close(&first);
}
END_TEST

START_TEST(any_is_one_socket_for_both_families)
{
	struct addr addr = tcp6(ADDR_ANY);
	struct listen_socket socket = must_open(&addr);

	ck_assert_int_eq(flag_of(socket.fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	ck_assert_int_eq(flag_of(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	listen_close(&socket);
}
END_TEST

START_TEST(any_is_ipv4_where_there_is_no_ipv6)
{
	struct addr addr = tcp6(ADDR_ANY);
	struct listen_socket socket;

	fault_only_call("socket");
	fault_set_errno(EAFNOSUPPORT);
	fault_arm(1);
	socket = must_open(&addr);
	ck_assert(fault_disarm());
	ck_assert_int_eq(flag_of(socket.fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
	listen_close(&socket);
}
END_TEST

START_TEST(ipv6_is_ipv6_only)
{
	struct addr addr = tcp6(ADDR_INET);
	struct listen_socket socket = must_open(&addr);
	struct listen_socket more = {.fd = -1};

	ck_assert_int_eq(flag_of(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	ck_assert_int_eq(listen_open_more(&socket, NULL, &more), 0);
	ck_assert_int_eq(flag_of(more.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	listen_close(&more);
	listen_close(&socket);
}
END_TEST

START_TEST(only_tcp_can_be_doubled)
{
	struct addr any = tcp6(ADDR_ANY);
	struct addr inet = tcp4();
	struct addr path = unix_at("x.sock");

	ck_assert(listen_can_double(&any));
	ck_assert(listen_can_double(&inet));
	ck_assert(!listen_can_double(&path));
}
END_TEST

/* ---- inherited ---- */

START_TEST(an_inherited_socket_gets_what_ours_have)
{
	struct addr addr = tcp4();
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *why = "";
	int client;
	int accepted;
	socklen_t len;

	ck_assert_int_eq(bind(fd, &addr.sa.any, addr.sa_len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listen_adopt(fd, NULL, NULL, &why), 0);
	ck_assert_ptr_null(why);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	addr.sa = bound_name(fd, &len);
	client = connect_to(&addr.sa.any, len);
	accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ne(flag_of(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(flag_of(accepted, SOL_SOCKET, SO_OOBINLINE), 0);
	close(accepted);
	close(client);
	close(fd);
}
END_TEST

START_TEST(an_inherited_unix_socket_keeps_its_path)
{
	int fd = bind_by_hand("x.sock", SOCK_STREAM);
	struct listen_socket socket = {.fd = fd};
	const char *why;

	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listen_adopt(fd, NULL, NULL, &why), 0);
	listen_close(&socket);
	ck_assert(exists("x.sock"));
	ck_assert_int_eq(unlink("x.sock"), 0);
}
END_TEST

static void must_not_adopt(int fd, int status, const char *text)
{
	const char *why = NULL;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen_adopt(fd, NULL, NULL, &why), status);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" does not say \"%s\"", why, text);
	close(fd);
}

START_TEST(what_is_not_a_listening_stream_socket_is_not_adopted)
{
	int ends[2];

	must_not_adopt(open("/dev/null", O_RDWR | O_CLOEXEC), -ENOTSOCK, "not a socket");
	must_not_adopt(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), -ESOCKTNOSUPPORT, "stream");
	must_not_adopt(
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), -ESOCKTNOSUPPORT, "stream");
	must_not_adopt(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -EINVAL, "Accept=no");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	must_not_adopt(ends[0], -EINVAL, "Accept=no");
	close(ends[1]);
}
END_TEST

/* ---- every call fails in turn ---- */

START_TEST(every_fault_leaves_nothing_behind)
{
	struct addr addrs[] = {tcp4(), tcp6(ADDR_ANY), unix_at("x.sock")};
	const struct addr *addr = &addrs[_i];
	bool met = true;

	for (unsigned n = 1; met; n++) {
		struct listen_socket socket = {.fd = -1};
		struct listen_socket more = {.fd = -1};
		char *before = fixture_fds();
		char *after;
		int r;

		if (addr->kind == ADDR_UNIX) {
			close(bind_by_hand("x.sock", SOCK_STREAM));
		}
		fault_arm(n);
		r = listen_open(addr, &rig_access, NULL, &socket, NULL);
		if (r == 0 && listen_can_double(addr)) {
			r = listen_open_more(&socket, NULL, &more);
		}
		met = fault_disarm();
		/* If ioctl(2) does not open the file of the socket, open(2) does, by its path. */
		ck_assert_msg(met && strcmp(fault_met(), "ioctl") != 0 ? r < 0 : r == 0, "%s: %d",
			fault_met(), r);
		listen_close(&more);
		listen_close(&socket);
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
		free(before);
		ck_assert(!exists("x.sock.lock"));
		unlink("x.sock"); /* the dead socket, if it is still there */
	}
}
END_TEST

START_TEST(what_is_missing_or_closed_is_an_answer)
{
	static const char *const texts[] = {
		"name.example:80", "systemd:web", "unix:/tmp/no-access"};
	struct listen_socket socket = {.fd = -1};
	struct listen_socket other = {.fd = -1};
	struct addr addr;
	const char *why;
	char name[64];

	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(addr_parse(texts[i], &addr, &why), 0);
		why = "";
		ck_assert_int_eq(listen_open(&addr, NULL, NULL, &socket, &why), -EINVAL);
		ck_assert_ptr_null(why);
		ck_assert_int_eq(listen_open_beside(&addr, NULL, &socket, NULL), -EINVAL);
		ck_assert(!listen_can_double(&addr));
	}
	ck_assert_int_eq(listen_open(NULL, NULL, NULL, &socket, NULL), -EINVAL);
	ck_assert_int_eq(listen_open_beside(NULL, NULL, &socket, NULL), -EINVAL);
	ck_assert(!listen_can_double(NULL));
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &addr, &why), 0);
	ck_assert_int_eq(listen_open(&addr, NULL, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(listen_set_access(NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(listen_set_access(&socket, NULL, NULL), -EINVAL);
	ck_assert_int_eq(listen_open_more(NULL, NULL, &other), -EINVAL);
	ck_assert_int_eq(listen_open_more(&socket, NULL, &other), -EBADF);
	(void)snprintf(name, sizeof(name), "unix:@weir-test-%d", getpid());
	ck_assert_int_eq(addr_parse(name, &addr, &why), 0);
	ck_assert_int_eq(listen_open(&addr, NULL, NULL, &socket, NULL), 0);
	ck_assert_int_eq(listen_open_more(&socket, NULL, &other), -EINVAL);
	ck_assert_int_eq(other.fd, -1);
	listen_close(&socket);
	ck_assert_int_eq(listen_adopt(-1, NULL, NULL, NULL), -EBADF);
	ck_assert_int_eq(listen_set_backlog(-1, NULL, NULL), -EBADF);
	ck_assert_int_eq(listen_queue_length(-1), -1);
	ck_assert_int_eq(listen_refuse(-1), -EBADF);
	ck_assert(!listen_is_lost(NULL));
	listen_yield(NULL);
	listen_leave(NULL);
	listen_close(NULL);
}
END_TEST

static Suite *listen_suite(void)
{
	Suite *suite = suite_create("listen");
	TCase *tcp = tcase_create("tcp");
	TCase *inherited = tcase_create("inherited");
	TCase *faults = tcase_create("faults");

	tcase_add_checked_fixture(tcp, rig_setup, rig_teardown);
	tcase_add_test(tcp, tcp_sockets_are_nonblocking_and_hand_their_options_on);
	tcase_add_test(tcp, a_port_in_use_is_refused);
	tcase_add_test(tcp, a_port_with_connections_in_time_wait_can_be_opened_again);
	tcase_add_test(tcp, of_two_that_bind_at_the_same_moment_one_listens);
	tcase_add_loop_test(tcp, more_sockets_share_the_connections, 0, 2);
	tcase_add_test(tcp, any_is_one_socket_for_both_families);
	tcase_add_test(tcp, any_is_ipv4_where_there_is_no_ipv6);
	tcase_add_test(tcp, ipv6_is_ipv6_only);
	tcase_add_test(tcp, only_tcp_can_be_doubled);
	suite_add_tcase(suite, tcp);

	tcase_add_checked_fixture(inherited, rig_setup, rig_teardown);
	tcase_add_test(inherited, an_inherited_socket_gets_what_ours_have);
	tcase_add_test(inherited, an_inherited_unix_socket_keeps_its_path);
	tcase_add_test(inherited, what_is_not_a_listening_stream_socket_is_not_adopted);
	tcase_add_test(inherited, what_is_missing_or_closed_is_an_answer);
	suite_add_tcase(suite, inherited);

	tcase_add_checked_fixture(faults, rig_setup, rig_teardown);
	tcase_add_loop_test(faults, every_fault_leaves_nothing_behind, 0, 3);
	suite_add_tcase(suite, faults);
	return suite;
}

int main(void)
{
	return suite_run(listen_suite());
}
