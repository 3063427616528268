/* SPDX-License-Identifier: ISC */
/*
 * Tests of reads on each kind of fd. They differ in where a read stops, and in whether a read of no
 * bytes is the end of input.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "suite.h"

static struct stream *stream;
static struct recorder rec;
static int far = -1;

static void open_on(int fd, unsigned flags)
{
	stream = stream_open(test_loop, fd, flags);
	ck_assert_ptr_nonnull(stream);
	recorder_on(&rec, stream, STREAM_ALL_EVENTS);
	stream_set_timeout(stream, 0);
}

static void start_on(int fd, unsigned flags)
{
	open_on(fd, flags);
	ck_assert_int_eq(stream_start(stream), 0);
}

static void finish(void)
{
	stream = stream_free(stream);
	if (far >= 0) {
		close(far);
		far = -1;
	}
}

/* ---- terminals ---- */

static int open_tty(tcflag_t lflag, cc_t vmin, cc_t vtime)
{
	struct termios termios;
	int tty;

	memset(&termios, 0, sizeof(termios));
	cfmakeraw(&termios);
	termios.c_lflag = lflag;
	termios.c_cc[VMIN] = vmin;
	termios.c_cc[VTIME] = vtime;
	termios.c_cc[VEOF] = 4;
	ck_assert_int_eq(openpty(&far, &tty, NULL, &termios, NULL), 0);
	ck_assert_int_eq(fcntl(far, F_SETFL, O_NONBLOCK), 0);
	return tty;
}

static const struct {
	cc_t vmin;
	cc_t vtime;
} waits[] = {{0, 0}, {0, 1}, {1, 0}, {5, 0}};

START_TEST(a_terminal_that_never_waits_is_not_at_its_end_when_it_is_empty)
{
	start_on(open_tty(0, waits[_i].vmin, waits[_i].vtime), 0);
	loop_settle();
	ck_assert_str_eq(rec.events, "");
	for (size_t n = 1; n <= 3; n++) {
		peer_send(far, "typed");
		loop_until(rec.n_read == n * 5);
		loop_settle();
	}
	ck_assert_str_eq(rec.events, "READ");
	/* When its master closes, the terminal's input ends. */
	close(far);
	far = -1;
	loop_until(heard(&rec, "CLOSE"));
	ck_assert(!heard(&rec, "ERROR"));
	finish();
}
END_TEST

START_TEST(a_terminal_that_never_waits_costs_no_wake_ups)
{
	uint64_t began;

	start_on(open_tty(0, 0, 0), 0);
	loop_settle();
	began = loop_turns(test_loop);
	loop_for_ms(50);
	ck_assert_uint_le(loop_turns(test_loop) - began, 2);
	finish();
}
END_TEST

START_TEST(control_d_on_a_terminal_is_the_end)
{
	start_on(open_tty(ICANON, 0, 0), 0);
	peer_send(far, "line\n\004");
	loop_until(heard(&rec, "CLOSE"));
	ck_assert_str_eq(rec.text, "line\n");
	finish();
}
END_TEST

START_TEST(a_master_waits_for_its_first_terminal_and_ends_with_its_last)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	int tty;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	start_on(master, 0);
	loop_settle();
	ck_assert_str_eq(rec.events, "");
	tty = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(tty, 0);
	ck_assert_int_eq(tcgetattr(tty, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(tty, TCSANOW, &raw), 0);
	peer_send(tty, "hello");
	loop_until(rec.n_read == 5);
	close(tty);
	loop_until(heard(&rec, "CLOSE"));
	ck_assert_str_eq(rec.events, "READ CLOSE");
	finish();
}
END_TEST

/* ---- FIFOs ---- */

static char fifo[64];

static void fifo_make(void)
{
	(void)snprintf(fifo, sizeof(fifo), "/tmp/weir-test-fifo-%d", (int)getpid());
	(void)unlink(fifo);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
}

static int fifo_open(int flags)
{
	int fd = open(fifo, flags | O_NONBLOCK | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/** Runs with each way in which the writer may come and go. */
START_TEST(a_fifo_waits_for_its_first_writer_and_ends_with_its_last)
{
	fifo_make();
	start_on(fifo_open(O_RDONLY), 0);
	loop_settle();
	ck_assert_str_eq(rec.events, "");
	far = fifo_open(O_WRONLY);
	loop_settle();
	ck_assert_str_eq(rec.events, "");
	if (_i == 0) {
		peer_send(far, "first");
		loop_until(rec.n_read == 5);
	} else if (_i == 1) {
		peer_send(far, "first"); /* weir reads this when the writer has gone */
	}
	close(far);
	far = -1;
	loop_until(heard(&rec, "CLOSE"));
	ck_assert_str_eq(rec.text, _i == 2 ? "" : "first");
	finish();
	ck_assert_int_eq(unlink(fifo), 0);
}
END_TEST

START_TEST(a_fifo_that_nobody_opens_to_write_has_its_timeout)
{
	fifo_make();
	open_on(fifo_open(O_RDONLY), _i == 0 ? 0 : STREAM_HALF_OPEN);
	stream_set_timeout(stream, 0.02);
	ck_assert_int_eq(stream_start(stream), 0);
	loop_until(heard(&rec, "CLOSE"));
	ck_assert_str_eq(rec.events, "TIMEOUT CLOSE");
	finish();
	ck_assert_int_eq(unlink(fifo), 0);
}
END_TEST

/* ---- UNIX sockets ---- */

/** Sends bytes, and with them an fd if it is not -1. */
static void send_with(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec bytes = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	ck_assert_int_eq(sendmsg(sock, &message, MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/** Sends from another process, so that the credentials differ. */
static void send_as_another(int sock, const char *text)
{
	int status = 0;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		_exit(send(sock, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) ? 0
											    : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static int open_pair(int type)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	far = fds[1];
	return fds[0];
}

static const unsigned unix_flags[] = {0, STREAM_IS_UNIX | STREAM_NONBLOCKING};

START_TEST(a_read_that_stops_at_a_passed_fd_is_not_the_last)
{
	int pipe_fds[2];
	char byte;

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	start_on(open_pair(SOCK_STREAM), unix_flags[_i]);
	for (size_t n = 21; n <= 3 * 21; n += 21) {
		send_with(far, "one, ", -1);
		send_with(far, "two, ", pipe_fds[1]);
		send_with(far, "three", -1);
		send_with(far, ", four", pipe_fds[1]);
		loop_until(rec.n_read == n);
		ck_assert_str_eq(rec.text + n - 21, "one, two, three, four");
		loop_settle();
	}
	close(pipe_fds[1]);
	/* Nobody holds the passed fds any more. */
	ck_assert_int_eq(read(pipe_fds[0], &byte, 1), 0);
	close(pipe_fds[0]);
	finish();
}
END_TEST

START_TEST(a_read_that_stops_at_other_credentials_is_not_the_last)
{
	int fd = open_pair(SOCK_STREAM);
	int on = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	start_on(fd, unix_flags[_i]);
	for (size_t n = 21; n <= 3 * 21; n += 21) {
		send_with(far, "one, ", -1);
		send_as_another(far, "two, ");
		send_with(far, "three, ", -1);
		send_as_another(far, "four");
		loop_until(rec.n_read == n);
		ck_assert_str_eq(rec.text + n - 21, "one, two, three, four");
		loop_settle();
	}
	finish();
}
END_TEST

static void send_urgent(const char *text)
{
	ssize_t n = send(far, text, strlen(text), MSG_OOB | MSG_NOSIGNAL);

	ck_assert_msg(n == (ssize_t)strlen(text), "%s", strerror(errno));
}

START_TEST(urgent_bytes_stay_in_line)
{
	int fd = open_pair(SOCK_STREAM);

	if (send(far, "a", 1, MSG_OOB | MSG_NOSIGNAL) < 0) {
		/* Before Linux 5.15, UNIX sockets have no urgent data. */
		ck_assert_int_eq(errno, EOPNOTSUPP);
		close(fd);
		finish();
		return;
	}
	open_on(fd, unix_flags[_i]);
	send_with(far, "bc", -1);
	send_urgent("deF");
	send_with(far, "gh", -1);
	ck_assert_int_eq(stream_start(stream), 0);
	loop_until(rec.n_read == 8);
	for (size_t n = 9; n <= 11; n++) {
		send_urgent("!"); /* no other bytes come behind it */
		loop_until(rec.n_read == n);
	}
	ck_assert_str_eq(rec.text, "abcdeFgh!!!");
	finish();
}
END_TEST

START_TEST(an_empty_packet_is_no_end)
{
	start_on(open_pair(_i == 0 ? SOCK_SEQPACKET : SOCK_DGRAM), 0);
	ck_assert_int_eq(send(far, "", 0, 0), 0);
	loop_settle();
	ck_assert_str_eq(rec.events, "");
	ck_assert_int_eq(send(far, "", 0, 0), 0);
	ck_assert_int_eq(send(far, "abc", 3, 0), 3);
	loop_until(rec.n_read == 3);
	if (_i == 0) {
		close(far);
		far = -1;
		loop_until(heard(&rec, "CLOSE"));
	}
	finish();
}
END_TEST

/* ---- fds that are no connection ---- */

START_TEST(an_eventfd_and_a_timerfd_are_read_as_they_come)
{
	uint64_t count = 3;
	struct itimerspec soon = {.it_value.tv_nsec = 1};

	start_on(eventfd(0, EFD_CLOEXEC), 0);
	ck_assert_int_eq(write(stream_fd(stream), &count, sizeof(count)), sizeof(count));
	loop_until(rec.n_read == sizeof(count));
	ck_assert_int_eq(write(stream_fd(stream), &count, sizeof(count)), sizeof(count));
	loop_until(rec.n_read == 2 * sizeof(count));
	ck_assert_str_eq(rec.events, "READ");
	finish();
	start_on(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), 0);
	ck_assert_int_eq(timerfd_settime(stream_fd(stream), 0, &soon, NULL), 0);
	loop_until(rec.n_read == sizeof(count));
	ck_assert_str_eq(rec.events, "READ");
	finish();
}
END_TEST

START_TEST(what_cannot_be_polled_is_refused_by_the_start)
{
	static const char *const files[] = {"/proc/self/exe", "/dev/null", "/dev/zero", "/"};

	open_on(open(files[_i], O_RDONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(stream_start(stream), -EPERM);
	ck_assert(!stream_is_started(stream));
	finish();
}
END_TEST

static void add_file_tests(TCase *tc)
{
	tcase_add_loop_test(
		tc, a_terminal_that_never_waits_is_not_at_its_end_when_it_is_empty, 0, 4);
	tcase_add_test(tc, a_terminal_that_never_waits_costs_no_wake_ups);
	tcase_add_test(tc, control_d_on_a_terminal_is_the_end);
	tcase_add_test(tc, a_master_waits_for_its_first_terminal_and_ends_with_its_last);
	tcase_add_loop_test(tc, a_fifo_waits_for_its_first_writer_and_ends_with_its_last, 0, 3);
	tcase_add_loop_test(tc, a_fifo_that_nobody_opens_to_write_has_its_timeout, 0, 2);
	tcase_add_test(tc, an_eventfd_and_a_timerfd_are_read_as_they_come);
	tcase_add_loop_test(tc, what_cannot_be_polled_is_refused_by_the_start, 0, 4);
}

static void add_unix_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_read_that_stops_at_a_passed_fd_is_not_the_last, 0, 2);
	tcase_add_loop_test(tc, a_read_that_stops_at_other_credentials_is_not_the_last, 0, 2);
	tcase_add_loop_test(tc, urgent_bytes_stay_in_line, 0, 2);
	tcase_add_loop_test(tc, an_empty_packet_is_no_end, 0, 2);
}

int main(void)
{
	Suite *suite = suite_create("stream_kinds");
	TCase *tc = tcase_create("files");
	TCase *unix_tc = tcase_create("unix");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	add_file_tests(tc);
	suite_add_tcase(suite, unix_tc);
	tcase_add_checked_fixture(unix_tc, fixture_setup, fixture_teardown);
	add_unix_tests(unix_tc);
	return suite_run(suite);
}
