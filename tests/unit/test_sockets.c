/* SPDX-License-Identifier: ISC */
/*
 * Tests of which sockets weir makes of the addresses of a config: it binds them, inherits them, or
 * refuses the config, all or none.
 */
#include "crew/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fault.h"
#include "log/log.h"
#include "suite.h"

enum { FDS_MAX = 64 };

static struct addr addresses[2][2];
static struct conf_listener listeners[2];
static struct conf conf = {.listeners = listeners};
static struct inherited inherited;
static char folder[] = "/tmp/weir-test-XXXXXX";
static char path[64]; /* the path of a UNIX socket */
static char log_text[4096];
static unsigned n_fds; /* fds that were open before the test */

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS_MAX; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

static void set_tcp(struct addr *addr)
{
	*addr = (struct addr){.kind = ADDR_INET, .sa_len = sizeof(addr->sa.in)};
	addr->sa.in.sin_family = AF_INET;
	addr->sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void set_unix(struct addr *addr, const char *name)
{
	char text[80];
	const char *why;

	(void)snprintf(text, sizeof(text), "unix:%s", name);
	ck_assert_int_eq(addr_parse(text, addr, &why), 0);
}

/**
 * Makes a config of two listeners: TCP on two addresses, and a UNIX path. systemd passes nothing.
 */
static void setup(void)
{
	static char web[] = "web";
	static char local[] = "local";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	set_tcp(&addresses[0][0]);
	set_tcp(&addresses[0][1]);
	set_unix(&addresses[1][0], path);
	listeners[0] = (struct conf_listener){
		.name = web, .addresses = addresses[0], .n_addresses = 2, .access.mode = 0666};
	listeners[1] = (struct conf_listener){
		.name = local, .addresses = addresses[1], .n_addresses = 1, .access.mode = 0660};
	conf.n_listeners = 2;
	n_fds = count_fds();
}

/** Nothing may be left, neither an fd nor a file. */
static void teardown(void)
{
	ck_assert_uint_eq(count_fds(), n_fds);
	ck_assert_int_eq(rmdir(folder), 0);
}

/** Calls sockets_open(), and keeps what it logs. */
static int open_logged(struct sockets *sockets, size_t n_workers)
{
	struct sockets_opts opts = {.conf = &conf, .inherited = &inherited};
	int fds[2];
	int r;
	ssize_t n;

	fault_suspend();
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(log_open(fds[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	fault_resume();
	opts.n_workers = n_workers;
	r = sockets_open(sockets, &opts);
	fault_suspend();
	ck_assert(log_close(NS_NEVER));
	close(fds[1]);
	n = read(fds[0], log_text, sizeof(log_text) - 1);
	log_text[n < 0 ? 0 : n] = '\0';
	close(fds[0]);
	fault_resume();
	return r;
}

static void assert_logged(const char *text)
{
	ck_assert_msg(strstr(log_text, text) != NULL, "no '%s' in: %s", text, log_text);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	return ntohs(in.sin_port);
}

START_TEST(tcp_has_a_socket_for_each_worker_and_unix_one_for_all)
{
	struct sockets sockets = {0};

	ck_assert_int_eq(open_logged(&sockets, 3), 0);
	/* A UNIX path needs more fds than its socket, and the budget must count them. */
	ck_assert_uint_eq(sockets_count(&conf, 3, &inherited), count_fds() - n_fds);
	ck_assert_uint_eq(sockets.n, 2 * 3 + 1);
	for (size_t i = 0; i < 6; i++) {
		const struct bound_socket *bound = sockets.all[i];

		ck_assert_uint_eq(bound->listener, 0);
		ck_assert_uint_eq(bound->worker, i % 3);
		ck_assert_int_eq(atomic_load(&bound->state), BOUND_PREPARED);
		ck_assert(!bound->is_unix && !bound_is_for_all(bound));
		ck_assert_uint_eq(
			port_of(bound->listen.fd), port_of(sockets.all[i / 3 * 3]->listen.fd));
	}
	ck_assert_uint_eq(sockets.all[6]->listener, 1);
	ck_assert(sockets.all[6]->is_unix && bound_is_for_all(sockets.all[6]));
	ck_assert_uint_lt(sockets.all[6]->worker, 3);
	assert_logged("event=listening listener=web");
	assert_logged("event=listening listener=local");
	sockets_close(&sockets);
	ck_assert_uint_eq(sockets.n, 0);
}
END_TEST

START_TEST(one_worker_accepts_from_all)
{
	struct sockets sockets = {0};

	ck_assert_int_eq(open_logged(&sockets, 1), 0);
	ck_assert_uint_eq(sockets.n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(sockets.all[i]->worker, 0);
	}
	sockets_close(&sockets);
}
END_TEST

START_TEST(an_fd_that_an_acceptor_took_stays_open_and_the_path_goes)
{
	struct sockets sockets = {0};
	int taken;

	ck_assert_int_eq(open_logged(&sockets, 1), 0);
	taken = sockets.all[2]->listen.fd;
	sockets.all[2]->listen.fd = -1;
	ck_assert_int_eq(access(path, F_OK), 0);
	sockets_close(&sockets);
	ck_assert_int_ge(fcntl(taken, F_GETFD), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	close(taken);
}
END_TEST

START_TEST(a_port_in_use_undoes_all_and_says_which)
{
	struct sockets sockets = {0};
	struct sockets others = {0};
	char address[64];

	conf.n_listeners = 1;
	ck_assert_int_eq(open_logged(&others, 1), 0);
	/* The second address is that of a listening socket, as if a weir already ran. */
	addresses[0][1].sa.in.sin_port = htons(port_of(others.all[0]->listen.fd));
	ck_assert_int_eq(open_logged(&sockets, 2), -EADDRINUSE);
	ck_assert_ptr_null(sockets.all);
	ck_assert_uint_eq(sockets.n, 0);
	(void)snprintf(address, sizeof(address), " address=127.0.0.1:%u ",
		port_of(others.all[0]->listen.fd));
	assert_logged("event=listen_failed listener=web");
	assert_logged(address);
	assert_logged(" errno=EADDRINUSE ");
	assert_logged(" remedy=\"");
	sockets_close(&others);
}
END_TEST

START_TEST(each_failure_has_its_remedy)
{
	struct sockets sockets = {0};
	char missing[80];

	addresses[0][0].sa.in.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1: RFC 5737 */
	ck_assert_int_eq(open_logged(&sockets, 1), -EADDRNOTAVAIL);
	assert_logged(" errno=EADDRNOTAVAIL ");
	assert_logged("no interface of this machine has th");
	set_tcp(&addresses[0][0]);

	(void)snprintf(missing, sizeof(missing), "%s/missing/socket", folder);
	set_unix(&addresses[1][0], missing);
	ck_assert_int_eq(open_logged(&sockets, 1), -ENOENT);
	assert_logged("event=listen_failed listener=local");
	assert_logged(" errno=ENOENT ");
	assert_logged(" remedy=\"");
}
END_TEST

START_TEST(whatever_is_at_the_path_stays)
{
	struct sockets sockets = {0};
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_lt(open_logged(&sockets, 1), 0);
	assert_logged("event=listen_failed listener=local");
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(any_call_that_fails_undoes_all_and_is_told)
{
	unsigned n = 1;

	for (;; n++) {
		struct sockets sockets = {0};
		int r;
		bool met;

		ck_assert_uint_lt(n, 500);
		fault_only(FAULT_MEMORY | FAULT_SOCKET);
		fault_arm(n);
		r = open_logged(&sockets, 2);
		met = fault_disarm();
		if (r == 0) {
			sockets_close(&sockets);
		} else {
			assert_logged("event=listen_failed");
			assert_logged(" remedy=\"");
		}
		ck_assert_msg(count_fds() == n_fds, "call %u (%s) costs an fd", n, fault_met());
		ck_assert_msg(access(path, F_OK) < 0, "call %u (%s) leaves a path", n, fault_met());
		if (!met) {
			ck_assert_int_eq(r, 0);
			break;
		}
	}
	ck_assert_uint_gt(n, 20);
}
END_TEST

/* ---- inherited ---- */

/** Makes one listener ask for "systemd:web". The other one stays on its UNIX path. */
static void ask_for_web(void)
{
	const char *why;

	ck_assert_int_eq(addr_parse("systemd:web", &addresses[0][0], &why), 0);
	listeners[0].n_addresses = 1;
}

static int listen_by_hand(int family, int type)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (family == AF_UNIX) { /* the kernel picks an abstract name */
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	}
	if (type == SOCK_STREAM) {
		ck_assert_int_eq(listen(fd, 1), 0);
	}
	return fd;
}

static void pass(const char *name, int fd)
{
	ck_assert_int_eq(inherited_add(&inherited, fd, strdup(name)), 0);
}

START_TEST(all_sockets_of_a_name_are_copied_and_handed_over)
{
	struct sockets sockets = {0};

	ask_for_web();
	pass("web", listen_by_hand(AF_INET, SOCK_STREAM));
	pass("web", listen_by_hand(AF_UNIX, SOCK_STREAM));
	ck_assert_int_eq(open_logged(&sockets, 4), 0);
	ck_assert_uint_eq(sockets_count(&conf, 4, &inherited), count_fds() - n_fds);
	ck_assert_uint_eq(sockets.n, 3);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(sockets.all[i]->listener, 0);
		ck_assert(bound_is_for_all(sockets.all[i]));
		ck_assert_int_ne(sockets.all[i]->listen.fd, inherited.listening[i].fd);
	}
	ck_assert(!sockets.all[0]->is_unix && sockets.all[1]->is_unix);
	/* The sockets are not all on one worker. */
	ck_assert_uint_ne(sockets.all[0]->worker, sockets.all[1]->worker);
	assert_logged("event=listening listener=web address=systemd:web socket=0.0.0.0:");
	assert_logged("event=listening listener=web address=systemd:web socket=unix:@");
	sockets_close(&sockets);
	ck_assert_int_ge(fcntl(inherited.listening[0].fd, F_GETFD), 0);
	inherited_fini(&inherited);
	inherited_fini(&inherited);
}
END_TEST

START_TEST(a_name_that_nobody_passed_is_refused_with_the_remedy)
{
	struct sockets sockets = {0};

	ask_for_web();
	ck_assert_int_lt(open_logged(&sockets, 2), 0);
	assert_logged("event=listen_failed listener=web address=systemd:web error=");
	assert_logged("FileDescriptorName=web");
	assert_logged("systemctl start");
}
END_TEST

START_TEST(a_socket_that_no_listener_asks_for_is_refused)
{
	struct sockets sockets = {0};

	ask_for_web();
	pass("web", listen_by_hand(AF_INET, SOCK_STREAM));
	pass("admin", listen_by_hand(AF_INET, SOCK_STREAM));
	ck_assert_int_lt(open_logged(&sockets, 2), 0);
	assert_logged("event=listen_failed address=systemd:admin socket=0.0.0.0:");
	assert_logged("listen on systemd:admin, or");
	inherited_fini(&inherited);
}
END_TEST

START_TEST(a_name_that_no_listener_can_ask_for_is_refused_with_another_remedy)
{
	struct sockets sockets = {0};
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	conf.n_listeners = 0;
	pass("", listen_by_hand(AF_INET, SOCK_STREAM));
	pass("two words", listen_by_hand(AF_INET, SOCK_STREAM));
	ck_assert_int_eq(open_logged(&sockets, 2), -EINVAL);
	assert_logged("listen on systemd:two words, or");
	assert_logged("no listener can ask for this name");
	inherited_fini(&inherited);
	pass(name, listen_by_hand(AF_INET, SOCK_STREAM));
	ck_assert_int_eq(open_logged(&sockets, 2), -EINVAL);
	assert_logged("no listener can ask for this name");
	inherited_fini(&inherited);
}
END_TEST

START_TEST(what_does_not_listen_is_let_be_whatever_its_name)
{
	struct sockets sockets = {0};

	ask_for_web();
	pass("web", listen_by_hand(AF_INET, SOCK_DGRAM));
	pass("web", listen_by_hand(AF_INET, SOCK_STREAM));
	pass("stored", listen_by_hand(AF_UNIX, SOCK_DGRAM));
	ck_assert_int_eq(open_logged(&sockets, 2), 0);
	ck_assert_uint_eq(sockets.n, 2);
	/* The others do not count for the budget. */
	ck_assert_uint_eq(sockets_count(&conf, 2, &inherited), count_fds() - n_fds);
	sockets_close(&sockets);
	ck_assert_uint_eq(inherited.n_others, 2);
	inherited_fini(&inherited);
}
END_TEST

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(any_call_that_fails_for_an_inherited_socket_is_told_and_leaves_its_options)
{
	unsigned n = 1;
	int idle_s;

	ask_for_web();
	listeners[0].socket = (struct sockopts){.nodelay = true,
		.keepalive_idle_ns = 77 * (uint64_t)NS_PER_S,
		.keepalive_interval_ns = 7 * (uint64_t)NS_PER_S,
		.user_timeout_ns = NS_NEVER,
		.backlog = 100};
	pass("web", listen_by_hand(AF_INET, SOCK_STREAM));
	pass("web", listen_by_hand(AF_UNIX, SOCK_STREAM));
	idle_s = option_of(inherited.listening[0].fd, IPPROTO_TCP, TCP_KEEPIDLE);
	for (;; n++) {
		struct sockets sockets = {0};
		int r;
		bool met;

		ck_assert_uint_lt(n, 500);
		fault_only(FAULT_MEMORY | FAULT_SOCKET);
		fault_arm(n);
		r = open_logged(&sockets, 2);
		met = fault_disarm();
		if (r == 0) {
			sockets_close(&sockets);
		} else {
			int fd = inherited.listening[0].fd;

			assert_logged("event=listen_failed");
			assert_logged(" remedy=\"");
			ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
			ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
			ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle_s);
			ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_OOBINLINE), 0);
		}
		ck_assert_msg(count_fds() == n_fds + 2, "call %u (%s)", n, fault_met());
		if (!met) {
			ck_assert_int_eq(r, 0);
			break;
		}
	}
	ck_assert_uint_gt(n, 10);
	inherited_fini(&inherited);
}
END_TEST

START_TEST(a_socket_of_the_wrong_kind_is_refused_by_name)
{
	struct sockets sockets = {0};

	ask_for_web();
	pass("web", listen_by_hand(AF_INET, SOCK_DGRAM));
	ck_assert_int_eq(open_logged(&sockets, 2), -ESOCKTNOSUPPORT);
	assert_logged("event=listen_failed listener=web address=systemd:web socket=0.0.0.0:0 ");
	assert_logged("ListenStream=");
	inherited_fini(&inherited);
}
END_TEST

START_TEST(closing_what_was_never_opened_is_fine)
{
	struct sockets sockets = {0};

	sockets_close(&sockets);
	sockets_close(&sockets);
	ck_assert_uint_eq(sockets.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sockets");
	TCase *tc = tcase_create("sockets");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tcp_has_a_socket_for_each_worker_and_unix_one_for_all);
	tcase_add_test(tc, one_worker_accepts_from_all);
	tcase_add_test(tc, an_fd_that_an_acceptor_took_stays_open_and_the_path_goes);
	tcase_add_test(tc, a_port_in_use_undoes_all_and_says_which);
	tcase_add_test(tc, each_failure_has_its_remedy);
	tcase_add_test(tc, whatever_is_at_the_path_stays);
	tcase_add_test(tc, any_call_that_fails_undoes_all_and_is_told);
	tcase_add_test(tc, all_sockets_of_a_name_are_copied_and_handed_over);
	tcase_add_test(tc, a_name_that_nobody_passed_is_refused_with_the_remedy);
	tcase_add_test(tc, a_socket_that_no_listener_asks_for_is_refused);
	tcase_add_test(tc, a_socket_of_the_wrong_kind_is_refused_by_name);
	tcase_add_test(tc, a_name_that_no_listener_can_ask_for_is_refused_with_another_remedy);
	tcase_add_test(tc, what_does_not_listen_is_let_be_whatever_its_name);
	tcase_add_test(
		tc, any_call_that_fails_for_an_inherited_socket_is_told_and_leaves_its_options);
	tcase_add_test(tc, closing_what_was_never_opened_is_fine);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
