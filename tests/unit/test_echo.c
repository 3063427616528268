/* SPDX-License-Identifier: ISC */
/* Runs examples/echo, whose path is in $WEIR_ECHO, and talks to it over loopback. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "example.h"
#include "suite.h"

static struct example server;

/** Starts the server with one argument and returns at once. */
static void serve(const char *argument)
{
	example_start(&server, "WEIR_ECHO", argument);
}

/** The port that the server announces in its first line. */
static in_port_t announced(void)
{
	return example_port(&server, "echo on 127.0.0.1:");
}

static void expect_echo(int fd, const char *text)
{
	char answer[64] = "";
	size_t len = strlen(text);

	ck_assert_int_eq(send(fd, text, len, 0), (ssize_t)len);
	ck_assert_int_eq(recv(fd, answer, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_str_eq(answer, text);
}

static void teardown(void)
{
	example_close(&server);
}

START_TEST(echoes_to_each_of_its_peers)
{
	in_port_t port;
	int first;
	int second;
	char byte;

	serve("0");
	port = announced();
	first = example_call(port);
	second = example_call(port);
	expect_echo(first, "hello");
	expect_echo(second, "bonjour");
	expect_echo(first, "world");
	ck_assert_int_eq(shutdown(first, SHUT_WR), 0);
	ck_assert_int_eq(recv(first, &byte, 1, 0), 0);
	expect_echo(second, "monde");
	close(first);
	close(second);
}
END_TEST

/** Sends what the kernel takes and receives what there is. Returns whether all came back. */
static bool exchange(int fd, size_t len, size_t *sent, size_t *received)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	unsigned char buffer[8192];
	ssize_t n;

	pollfd.events |= *sent < len ? POLLOUT : 0;
	ck_assert_int_gt(poll(&pollfd, 1, 30 * 1000), 0);
	if ((pollfd.revents & POLLOUT) != 0) {
		for (size_t i = 0; i < sizeof(buffer); i++) {
			buffer[i] = (unsigned char)((*sent + i) % 251);
		}
		n = send(fd, buffer, sizeof(buffer), 0);
		*sent += n > 0 ? (size_t)n : 0;
	}
	n = recv(fd, buffer, sizeof(buffer), 0);
	for (ssize_t i = 0; i < n; i++) {
		if (buffer[i] != (*received + (size_t)i) % 251) {
			ck_abort_msg("byte %zu is wrong", *received + (size_t)i);
		}
	}
	*received += n > 0 ? (size_t)n : 0;
	return *received >= len;
}

/* The peer first sends without reading, until the kernel takes no more: the server has stopped
 * reading. */
START_TEST(echoes_more_than_fits_in_all_buffers)
{
	static char block[65536];
	struct pollfd pollfd = {.events = POLLOUT};
	size_t received = 0;
	size_t sent = 0;
	size_t len;
	ssize_t n;
	int fd;

	serve("0");
	fd = example_call(announced());
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	pollfd.fd = fd;
	while (poll(&pollfd, 1, 200) > 0) {
		for (size_t i = 0; i < sizeof(block); i++) {
			block[i] = (char)((sent + i) % 251);
		}
		n = send(fd, block, sizeof(block), 0);
		sent += n > 0 ? (size_t)n : 0;
		ck_assert_uint_lt(sent, 256 * 1024 * 1024);
	}
	len = sent + 100000;
	while (!exchange(fd, len, &sent, &received)) {
	}
	close(fd);
}
END_TEST

START_TEST(ends_by_the_default_action_of_the_signal)
{
	static const int signals[] = {SIGINT, SIGTERM};
	int status;
	int fd;

	serve("0");
	fd = example_call(announced());
	expect_echo(fd, "still here");
	status = example_end(&server, signals[_i]);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), signals[_i]);
	close(fd);
}
END_TEST

START_TEST(refuses_what_is_no_port)
{
	static const char *const bad[] = {"x", "80x", "65536"};
	int status;

	serve(bad[_i]);
	status = example_end(&server, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 2);
}
END_TEST

START_TEST(says_when_the_port_is_taken)
{
	struct example second;
	char port[16];
	int status;

	serve("0");
	(void)snprintf(port, sizeof(port), "%u", (unsigned)announced());
	example_start(&second, "WEIR_ECHO", port);
	status = example_end(&second, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	example_close(&second);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("echo");
	TCase *tc = tcase_create("echo");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, echoes_to_each_of_its_peers);
	tcase_add_test(tc, echoes_more_than_fits_in_all_buffers);
	tcase_add_loop_test(tc, ends_by_the_default_action_of_the_signal, 0, 2);
	tcase_add_loop_test(tc, refuses_what_is_no_port, 0, 3);
	tcase_add_test(tc, says_when_the_port_is_taken);
	return suite_run(suite);
}
