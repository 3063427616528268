/* SPDX-License-Identifier: ISC */
/* Listening sockets: TCP and its sharing, UNIX paths and the claim on them. */
#include "stream/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { MODE = 0640, PATH_BYTES = 108 };

static char folder[] = "/tmp/weir-listen-XXXXXX";
static char *fds;

static void setup(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	fds = fixture_fds();
}

/** Every test leaves its folder empty: rmdir(2) says so. */
static void teardown(void)
{
	char *now = fixture_fds();

	ck_assert_str_eq(now, fds);
	free(now);
	free(fds);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_msg(rmdir(folder) == 0, "%s: %s", folder, strerror(errno));
}

/* ---- helpers ---- */

static struct addr tcp4(void)
{
	return (struct addr){.kind = ADDR_INET,
		.sa_len = sizeof(struct sockaddr_in),
		.sa.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
}

static struct addr tcp6(enum addr_kind kind)
{
	return (struct addr){.kind = kind,
		.sa_len = sizeof(struct sockaddr_in6),
		.sa.in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any}};
}

static struct addr unix_at(const char *path)
{
	struct addr addr = {.kind = ADDR_UNIX, .sa.un.sun_family = AF_UNIX};
	size_t len = strlen(path);

	ck_assert_uint_lt(len, sizeof(addr.sa.un.sun_path));
	memcpy(addr.sa.un.sun_path, path, len);
	addr.sa_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return addr;
}

static struct listen_socket must_open(const struct addr *addr)
{
	struct listen_socket socket = {.fd = -1};
	const char *why = "";

	ck_assert_int_eq(listen_open(addr, MODE, &socket, &why), 0);
	ck_assert_ptr_null(why);
	ck_assert_int_ge(socket.fd, 0);
	return socket;
}

/** listen_open() fails with `status`, says `text`, and leaves the socket alone. */
static void must_fail(const struct addr *addr, int status, const char *text)
{
	struct listen_socket socket = {.fd = -1};
	const char *why = NULL;

	ck_assert_int_eq(listen_open(addr, MODE, &socket, &why), status);
	ck_assert_int_eq(socket.fd, -1);
	ck_assert_ptr_null(socket.claim);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" does not say \"%s\"", why, text);
	ck_assert_int_eq(listen_open(addr, MODE, &socket, NULL), status);
}

static union addr_sockaddr name_of(int fd, socklen_t *ret_len)
{
	union addr_sockaddr sa;

	memset(&sa, 0, sizeof(sa));
	*ret_len = sizeof(sa);
	ck_assert_int_eq(getsockname(fd, &sa.any, ret_len), 0);
	return sa;
}

static int connect_to(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(connect(fd, sa, len) == 0, "connect: %s", strerror(errno));
	return fd;
}

static int flag_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

/** A listener or a dead socket, by plain system calls. */
static int bind_by_hand(const char *path, int type)
{
	struct addr addr = unix_at(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &addr.sa.any, addr.sa_len), 0);
	return fd;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void write_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* ---- TCP ---- */

START_TEST(tcp_sockets_are_nonblocking_and_hand_their_options_on)
{
	struct addr addr = tcp4();
	struct listen_socket socket = must_open(&addr);
	socklen_t len;
	union addr_sockaddr sa = name_of(socket.fd, &len);
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
	struct listen_socket socket = must_open(&addr);
	socklen_t len;

	addr.sa = name_of(socket.fd, &len);
	must_fail(&addr, -EADDRINUSE, "another process");
	listen_close(&socket);
	socket = must_open(&addr);
	listen_close(&socket);
}
END_TEST

START_TEST(a_port_with_connections_in_time_wait_can_be_opened_again)
{
	struct addr addr = tcp4();
	struct listen_socket socket = must_open(&addr);
	socklen_t len;
	int client;
	int fd;

	addr.sa = name_of(socket.fd, &len);
	client = connect_to(&addr.sa.any, len);
	fd = accept4(socket.fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd); /* first: so the state stays on our side */
	close(client);
	listen_close(&socket);
	socket = must_open(&addr);
	listen_close(&socket);
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
	addr.sa = name_of(other, &len);
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
	union addr_sockaddr name = name_of(first.fd, &len);

	target.sa.in.sin_port = name.in.sin_port;
	ck_assert_int_eq(listen_open_more(&first, &more), 0);
	for (int i = 0; i < N_CLIENTS; i++) {
		clients[i] = connect_to(&target.sa.any, target.sa_len);
	}
	n_first = count_accepted(first.fd);
	n_more = count_accepted(more.fd);
	ck_assert_uint_eq(n_first + n_more, N_CLIENTS);
	/* The kernel hashes; that all 64 fall on one side is a matter of 1 in 2^63. */
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
	ck_assert_int_eq(listen_open_more(&socket, &more), 0);
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

/* ---- UNIX ---- */

START_TEST(a_path_gets_its_mode_whatever_the_umask)
{
	struct addr addr = unix_at("x.sock");
	mode_t before = umask(_i == 0 ? 0 : 0777);
	struct listen_socket socket = must_open(&addr);
	struct stat st;

	umask(before);
	ck_assert_int_eq(stat("x.sock", &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, MODE);
	close(connect_to(&addr.sa.any, addr.sa_len));
	listen_close(&socket);
	ck_assert(!exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
}
END_TEST

START_TEST(an_absolute_path_of_full_length_works)
{
	char path[PATH_BYTES];
	struct addr addr;
	struct listen_socket socket;

	memset(path, 'x', sizeof(path));
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	path[PATH_BYTES - 1] = '\0';
	addr = unix_at(path);
	socket = must_open(&addr);
	must_fail(&addr, -EADDRINUSE, "PATH.lock");
	ck_assert(exists(path));
	listen_close(&socket);
}
END_TEST

START_TEST(a_second_weir_is_refused_by_the_lock)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);

	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	/* Also when the socket is lost: the lock counts. */
	ck_assert_int_eq(unlink("x.sock"), 0);
	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	listen_close(&socket);
	ck_assert(!exists("x.sock.lock"));
}
END_TEST

START_TEST(what_a_crash_left_is_replaced)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	write_file("x.sock.lock");
	socket = must_open(&addr);
	close(connect_to(&addr.sa.any, addr.sa_len));
	listen_close(&socket);
}
END_TEST

START_TEST(a_living_socket_is_never_replaced)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_STREAM);
	struct stat before;
	struct stat after;

	ck_assert_int_eq(stat("x.sock", &before), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert_int_eq(stat("x.sock", &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert(!exists("x.sock.lock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_full_queue_means_alive)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_STREAM);
	int client;

	ck_assert_int_eq(listen(fd, 0), 0);
	client = connect_to(&addr.sa.any, addr.sa_len); /* a queue of 0 takes one */
	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert(exists("x.sock"));
	close(client);
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_datagram_socket_means_alive)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_DGRAM);

	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert(exists("x.sock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_socket_that_cannot_be_asked_is_left_alone)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = {.fd = -1};
	const char *why = NULL;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	fault_only_call("connect");
	fault_set_errno(EACCES);
	fault_arm(1);
	ck_assert_int_eq(listen_open(&addr, MODE, &socket, &why), -EACCES);
	ck_assert(fault_disarm());
	ck_assert_ptr_nonnull(strstr(why, "cannot be found out"));
	ck_assert(exists("x.sock"));
	unlink("x.sock");
}
END_TEST

START_TEST(a_socket_that_goes_while_it_is_asked_is_no_trouble)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = {.fd = -1};
	int r;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	fault_only_call("connect");
	fault_set_errno(ENOENT);
	fault_arm(1);
	r = listen_open(&addr, MODE, &socket, NULL);
	ck_assert(fault_disarm());
	/* It has not really gone: bind(2) finds it, and it is not removed without being asked. */
	ck_assert_int_eq(r, -EADDRINUSE);
	ck_assert(exists("x.sock"));
	unlink("x.sock");
}
END_TEST

START_TEST(what_is_not_a_socket_is_never_removed)
{
	struct addr addr = unix_at("x.sock");

	switch (_i) {
	case 0:
		write_file("x.sock");
		break;
	case 1:
		ck_assert_int_eq(mkdir("x.sock", 0700), 0);
		break;
	case 2:
		ck_assert_int_eq(symlink("nowhere", "x.sock"), 0);
		break;
	case 3:
		ck_assert_int_eq(mkfifo("x.sock", 0600), 0);
		break;
	default:
		close(bind_by_hand("dead.sock", SOCK_STREAM));
		ck_assert_int_eq(symlink("dead.sock", "x.sock"), 0);
		break;
	}
	must_fail(&addr, -EEXIST, "not a socket");
	ck_assert(exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
	ck_assert_int_eq(remove("x.sock"), 0);
	unlink("dead.sock");
}
END_TEST

START_TEST(a_path_that_is_not_ours_any_more_is_left)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);
	int fd;

	ck_assert_int_eq(unlink("x.sock"), 0);
	close(socket.fd); /* as the acceptor does: the inode's number could be given away now */
	socket.fd = -1;
	fd = bind_by_hand("x.sock", SOCK_STREAM);
	listen_close(&socket);
	ck_assert(exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_lock_file_that_is_not_ours_any_more_is_left)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);

	ck_assert_int_eq(unlink("x.sock.lock"), 0);
	write_file("x.sock.lock");
	listen_close(&socket);
	ck_assert(!exists("x.sock"));
	ck_assert(exists("x.sock.lock"));
	unlink("x.sock.lock");
}
END_TEST

/* The holder removes PATH.lock after we opened it and before we lock it: this often. */
static int n_removals;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
	if (n_removals > 0) {
		n_removals--;
		ck_assert_int_eq(unlink("x.sock.lock"), 0);
	}
	return __real_flock(fd, operation);
}

START_TEST(a_lock_file_that_its_holder_removes_is_not_trusted)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket;

	n_removals = 2;
	socket = must_open(&addr);
	ck_assert_int_eq(n_removals, 0);
	ck_assert(exists("x.sock.lock"));
	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	listen_close(&socket);
}
END_TEST

START_TEST(a_lock_file_that_always_goes_is_given_up)
{
	struct addr addr = unix_at("x.sock");

	n_removals = 1000;
	must_fail(&addr, -EADDRINUSE, "all the time");
	n_removals = 0;
}
END_TEST

START_TEST(a_lock_file_of_another_kind_is_refused)
{
	struct addr addr = unix_at("x.sock");

	if (_i == 0) {
		ck_assert_int_eq(symlink("target", "x.sock.lock"), 0);
		must_fail(&addr, -ELOOP, "symbolic link");
		ck_assert(!exists("target"));
	} else {
		ck_assert_int_eq(mkdir("x.sock.lock", 0700), 0);
		must_fail(&addr, -EISDIR, "not a plain file");
	}
	ck_assert_int_eq(remove("x.sock.lock"), 0);
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
	struct addr addr = unix_at("missing/x.sock");

	must_fail(&addr, -ENOENT, "folder does not exist");
}
END_TEST

START_TEST(an_abstract_name_needs_no_file)
{
	struct addr addr = {.kind = ADDR_UNIX, .sa.un.sun_family = AF_UNIX};
	int len = snprintf(addr.sa.un.sun_path + 1, PATH_BYTES - 1, "%s", folder);
	struct listen_socket socket;

	addr.sa_len = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)len;
	socket = must_open(&addr);
	ck_assert_ptr_null(socket.claim);
	close(connect_to(&addr.sa.any, addr.sa_len));
	must_fail(&addr, -EADDRINUSE, "another process");
	listen_close(&socket);
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
		r = listen_open(addr, MODE, &socket, NULL);
		if (r == 0 && listen_can_double(addr)) {
			r = listen_open_more(&socket, &more);
		}
		met = fault_disarm();
		ck_assert_msg(met ? r < 0 : r == 0, "%s: %d", fault_met(), r);
		listen_close(&more);
		listen_close(&socket);
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
		free(before);
		ck_assert(!exists("x.sock.lock"));
		unlink("x.sock"); /* the dead one, if it was not reached */
	}
}
END_TEST

static Suite *listen_suite(void)
{
	Suite *suite = suite_create("listen");
	TCase *tcp = tcase_create("tcp");
	TCase *local = tcase_create("unix");
	TCase *faults = tcase_create("faults");

	tcase_add_checked_fixture(tcp, setup, teardown);
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

	tcase_add_checked_fixture(local, setup, teardown);
	tcase_add_loop_test(local, a_path_gets_its_mode_whatever_the_umask, 0, 2);
	tcase_add_test(local, an_absolute_path_of_full_length_works);
	tcase_add_test(local, a_second_weir_is_refused_by_the_lock);
	tcase_add_test(local, what_a_crash_left_is_replaced);
	tcase_add_test(local, a_living_socket_is_never_replaced);
	tcase_add_test(local, a_full_queue_means_alive);
	tcase_add_test(local, a_datagram_socket_means_alive);
	tcase_add_test(local, a_socket_that_cannot_be_asked_is_left_alone);
	tcase_add_test(local, a_socket_that_goes_while_it_is_asked_is_no_trouble);
	tcase_add_loop_test(local, what_is_not_a_socket_is_never_removed, 0, 5);
	tcase_add_test(local, a_path_that_is_not_ours_any_more_is_left);
	tcase_add_test(local, a_lock_file_that_is_not_ours_any_more_is_left);
	tcase_add_test(local, a_lock_file_that_its_holder_removes_is_not_trusted);
	tcase_add_test(local, a_lock_file_that_always_goes_is_given_up);
	tcase_add_loop_test(local, a_lock_file_of_another_kind_is_refused, 0, 2);
	tcase_add_test(local, a_missing_folder_is_named);
	tcase_add_test(local, an_abstract_name_needs_no_file);
	suite_add_tcase(suite, local);

	tcase_add_checked_fixture(faults, setup, teardown);
	tcase_add_loop_test(faults, every_fault_leaves_nothing_behind, 0, 3);
	suite_add_tcase(suite, faults);
	return suite;
}

int main(void)
{
	return suite_run(listen_suite());
}
