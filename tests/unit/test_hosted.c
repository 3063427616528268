/* SPDX-License-Identifier: ISC */
/* Runs examples/hosted, whose path is in $WEIR_HOSTED. Streams of weir and handles of libuv
 * answer from one uv_run(), and the program leaves nothing open at its end. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "example.h"
#include "suite.h"

static struct example hosted;
static in_port_t echo_port;
static in_port_t status_port;

static void setup(void)
{
	example_start(&hosted, "WEIR_HOSTED", NULL);
	echo_port = example_port(&hosted, "echo on ");
	status_port = example_port(&hosted, "status on ");
}

static void teardown(void)
{
	example_close(&hosted);
}

static void expect_echo(int fd, const char *text)
{
	char answer[64] = "";
	size_t len = strlen(text);

	ck_assert_int_eq(send(fd, text, len, 0), (ssize_t)len);
	ck_assert_int_eq(recv(fd, answer, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_str_eq(answer, text);
}

struct status {
	unsigned peers;
	unsigned long long bytes;
	unsigned ticks;
};

static struct status ask(void)
{
	struct status status;
	char text[128] = "";
	int fd = example_call(status_port);

	ck_assert_int_gt(recv(fd, text, sizeof(text) - 1, MSG_WAITALL), 0); /* until it closes */
	close(fd);
	ck_assert_msg(sscanf(text, "peers=%u bytes=%llu ticks=%u\n", &status.peers, &status.bytes,
			      &status.ticks) == 3,
		"%s", text);
	return status;
}

START_TEST(streams_and_handles_are_served_by_one_run)
{
	int first = example_call(echo_port);
	int second = example_call(echo_port);

	expect_echo(first, "hello");
	expect_echo(second, "bonjour");
	ck_assert_uint_eq(ask().peers, 2);
	ck_assert_uint_eq(ask().bytes, 12);
	close(first);
	while (ask().peers != 1 || ask().ticks < 2) { /* libcheck's timeout ends a wait in vain */
		(void)poll(NULL, 0, 10);
	}
	expect_echo(second, "monde");
	ck_assert_uint_eq(ask().bytes, 17);
	close(second);
}
END_TEST

static const int signals[] = {SIGTERM, SIGINT};

START_TEST(a_signal_ends_it_with_nothing_left_open)
{
	char line[64];
	int status;
	char byte;
	int fd = example_call(echo_port);

	expect_echo(fd, "hello");
	status = example_end(&hosted, signals[_i]);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	example_line(&hosted, line);
	ck_assert_str_eq(line, "closed, 5 bytes echoed");
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hosted");
	TCase *tc = tcase_create("hosted");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, streams_and_handles_are_served_by_one_run);
	tcase_add_loop_test(tc, a_signal_ends_it_with_nothing_left_open, 0, 2);
	return suite_run(suite);
}
