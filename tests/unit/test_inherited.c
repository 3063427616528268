/* SPDX-License-Identifier: ISC */
/* Inherited fds are sorted: listening sockets, and others, which may be taken by name. */
#include "crew/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "log/log.h"
#include "suite.h"

enum { FDS_MAX = 64 };

static struct inherited inherited;
static unsigned n_fds; /* fds open before the test */

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS_MAX; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

static void setup(void)
{
	inherited = (struct inherited){0};
	n_fds = count_fds();
}

static void teardown(void)
{
	inherited_fini(&inherited);
	inherited_fini(&inherited);
	ck_assert_uint_eq(count_fds(), n_fds);
}

static void add(int fd, const char *name)
{
	char *copy = strdup(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(copy);
	ck_assert_int_eq(inherited_add(&inherited, fd, copy), 0);
}

static int make_socket(int type)
{
	return socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
}

/** Makes a listening socket with an abstract name that the kernel picks. */
static int make_listener(int type)
{
	const struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = make_socket(type);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/** Returns one end; the other end is closed. */
static int make_connection(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	return fds[0];
}

static int make_fifo(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	close(fds[1]);
	return fds[0];
}

static int make(int which)
{
	switch (which) {
	case 0:
		return make_connection();
	case 1:
		return make_socket(SOCK_STREAM);
	case 2:
		return make_socket(SOCK_DGRAM);
	case 3:
		return make_fifo();
	case 4:
		return memfd_create("state", MFD_CLOEXEC);
	case 5:
		return open("/", O_PATH | O_CLOEXEC);
	case 6:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return eventfd(0, EFD_CLOEXEC);
	}
}

static const char *const kinds[] = {"connection", "socket that does not listen", "datagram socket",
	"FIFO", "file", "folder", "device", "descriptor"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

START_TEST(what_does_not_listen_is_for_whoever_takes_it)
{
	int fd = make(_i);

	add(fd, "web");
	add(make_listener(_i % 2 == 0 ? SOCK_STREAM : SOCK_SEQPACKET), "web");
	ck_assert_uint_eq(inherited.n_listening, 1);
	ck_assert_uint_eq(inherited.n_others, 1);
	ck_assert_str_eq(inherited_kind(fd), kinds[_i]);
	ck_assert_str_eq(inherited_kind(inherited.listening[0].fd), "socket that listens");
	ck_assert_int_eq(inherited_has_connection(&inherited), _i == 0);
	ck_assert_int_eq(inherited_take(&inherited, "we"), -ENOENT);
	ck_assert_int_eq(inherited_take(&inherited, "web"), fd);
	ck_assert_int_eq(inherited_take(&inherited, "web"), -ENOENT);
	ck_assert_int_eq(close(fd), 0); /* the fd belongs to its taker */
	ck_assert_uint_eq(inherited.n_listening, 1);
}
END_TEST

START_TEST(those_of_one_name_are_taken_in_their_order)
{
	int fds[4];

	for (int i = 0; i < 4; i++) {
		fds[i] = make_connection();
		add(fds[i], i == 1 ? "other" : "pair 7 \"\\\x01");
	}
	for (int i = 0; i < 4; i++) {
		if (i != 1) {
			ck_assert_int_eq(inherited_take(&inherited, "pair 7 \"\\\x01"), fds[i]);
			close(fds[i]);
		}
	}
	ck_assert_int_eq(inherited_take(&inherited, "pair 7 \"\\\x01"), -ENOENT);
	ck_assert_uint_eq(inherited.n_others, 1);
}
END_TEST

START_TEST(the_same_socket_under_the_same_name_is_one)
{
	int fd = make_listener(SOCK_STREAM);

	add(fd, "web");
	add(fcntl(fd, F_DUPFD_CLOEXEC, 0), "web");
	ck_assert_uint_eq(inherited.n_listening, 1);
	ck_assert_uint_eq(count_fds(), n_fds + 1);
	add(fcntl(fd, F_DUPFD_CLOEXEC, 0), "admin");
	add(make_listener(SOCK_STREAM), "web");
	ck_assert_uint_eq(inherited.n_listening, 3);
}
END_TEST

START_TEST(without_memory_nothing_is_left_of_it)
{
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? make_listener(SOCK_STREAM) : make_connection();
		char *name = strdup("web");

		fault_only(FAULT_MEMORY);
		fault_arm(1);
		ck_assert_int_eq(inherited_add(&inherited, fd, name), -ENOMEM);
		ck_assert(fault_disarm());
	}
	ck_assert_uint_eq(inherited.n_listening + inherited.n_others, 0);
	ck_assert_uint_eq(count_fds(), n_fds);
}
END_TEST

/* ---- fds that no module takes ---- */

static char log_text[16384];

static unsigned n_lines(void)
{
	unsigned n = 0;

	for (const char *c = log_text; *c != '\0'; c++) {
		n += *c == '\n';
	}
	return n;
}

static void tell_untaken(void)
{
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(log_open(fds[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	inherited_tell_untaken(&inherited);
	ck_assert(log_close(NS_NEVER));
	close(fds[1]);
	n = read(fds[0], log_text, sizeof(log_text) - 1);
	log_text[n < 0 ? 0 : n] = '\0';
	close(fds[0]);
}

START_TEST(what_nobody_takes_is_told_with_its_remedy)
{
	add(make_listener(SOCK_STREAM), "web");
	tell_untaken();
	ck_assert_str_eq(log_text, "");
	add(make(_i), "spare one");
	tell_untaken();
	ck_assert_uint_eq(n_lines(), 1);
	ck_assert_ptr_nonnull(
		strstr(log_text, "level=warn event=passed_unused name=\"spare one\""));
	ck_assert_ptr_nonnull(strstr(log_text, kinds[_i]));
	ck_assert_ptr_nonnull(strstr(log_text, _i == 0 ? "Accept=no" : "ListenStream="));
}
END_TEST

START_TEST(of_many_that_nobody_takes_the_last_line_has_the_count)
{
	for (int i = 0; i < 20; i++) {
		add(make(4), "stored");
	}
	tell_untaken();
	ck_assert_uint_eq(n_lines(), 16);
	ck_assert_ptr_nonnull(strstr(log_text, " more=4 "));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inherited");
	TCase *tc = tcase_create("inherited");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_does_not_listen_is_for_whoever_takes_it, 0, KINDS);
	tcase_add_test(tc, those_of_one_name_are_taken_in_their_order);
	tcase_add_test(tc, the_same_socket_under_the_same_name_is_one);
	tcase_add_test(tc, without_memory_nothing_is_left_of_it);
	tcase_add_loop_test(tc, what_nobody_takes_is_told_with_its_remedy, 0, KINDS);
	tcase_add_test(tc, of_many_that_nobody_takes_the_last_line_has_the_count);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
