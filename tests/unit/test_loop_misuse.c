/* SPDX-License-Identifier: ISC */
/* Misuse of loops, timers, connectors and acceptors: for NULL, a closed object or a wrong range
 * a function returns a negative errno or does nothing. test_stream_misuse.c tests streams. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "stream/acceptor.h"
#include "stream/connector.h"
#include "stream/listen.h"
#include "stream/timer.h"
#include "suite.h"

static void on_ready(struct watcher *watcher, uint32_t events)
{
	(void)watcher;
	(void)events;
}

START_TEST(loops)
{
	struct watcher watcher = {.ready = on_ready};
	struct watcher deaf = {.ready = NULL};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(loop_run(NULL), -EINVAL);
	ck_assert_int_eq(loop_stop(NULL), -EINVAL);
	ck_assert_int_eq(loop_init_host(NULL), -EINVAL);
	errno = 0;
	ck_assert_ptr_null(loop_open_on(NULL));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(loop_free(NULL));
	ck_assert(!loop_owns(NULL, NULL));
	ck_assert(!loop_is_current(NULL));
	ck_assert(!loop_is_running(NULL));
	ck_assert_int_eq(loop_watch(NULL, 0, &watcher), -EINVAL);
	ck_assert_int_eq(loop_watch(test_loop, 0, NULL), -EINVAL);
	ck_assert_int_eq(loop_watch(test_loop, 0, &deaf), -EINVAL);
	ck_assert_int_eq(loop_watch(test_loop, -1, &watcher), -EBADF);
	ck_assert_int_eq(loop_watch(test_loop, fd, &watcher), -EPERM);
	ck_assert_int_eq(loop_watch_listen(NULL, 0, &watcher), -EINVAL);
	ck_assert_int_eq(loop_watch_listen(test_loop, -1, &watcher), -EBADF);
	close(fd);
}
END_TEST

/** The text of this file. */
static char *own_text(void)
{
	static char text[64 * 1024];
	const char *root = getenv("WEIR_SOURCE_ROOT");
	char path[PATH_MAX];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/tests/unit/test_loop_misuse.c", root == NULL ? "." : root);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	ck_assert_uint_lt(n, sizeof(text) - 1);
	text[n] = '\0';
	fclose(file);
	return text;
}

/** In loop.h, only functions that return an errno count; the header says which others accept
 * NULL. */
START_TEST(every_function_of_the_headers_is_tried)
{
	static const struct {
		const char *header;
		const char *prefix;
		const char *begins;
	} headers[] = {
		{"loop.h", "loop_", "int "},
		{"timer.h", "timer_", ""},
		{"connector.h", "connector_", ""},
		{"acceptor.h", "acceptor_", ""},
	};
	const char *root = getenv("WEIR_SOURCE_ROOT");

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		size_t n_begins = strlen(headers[i].begins);
		char path[PATH_MAX];
		char line[256];
		unsigned n = 0;
		FILE *file;

		snprintf(path, sizeof(path), "%s/src/stream/%s", root == NULL ? "." : root,
			headers[i].header);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file) != NULL) {
			char *name = strchr(" /*#\t\n}", line[0]) == NULL &&
						     strncmp(line, headers[i].begins, n_begins) == 0
					     ? strstr(line, headers[i].prefix)
					     : NULL;
			size_t len = name == NULL ? 0 : strspn(name, "abcdefghijklmnopqrstuvwxyz_");

			if (len > 0 && name[len] == '(') {
				name[len + 1] = '\0';
				ck_assert_msg(strstr(own_text(), name) != NULL, "%s", name);
				n++;
			}
		}
		fclose(file);
		ck_assert_uint_gt(n, 2);
	}
}
END_TEST

static void on_strike(struct timer *timer)
{
	(void)timer;
}

START_TEST(timers)
{
	struct timer timer = {.loop = NULL};

	ck_assert_int_eq(timer_open(NULL, test_loop, on_strike), -EINVAL);
	ck_assert_int_eq(timer_open(&timer, NULL, on_strike), -EINVAL);
	ck_assert_int_eq(timer_open(&timer, test_loop, NULL), -EINVAL);
	ck_assert_int_eq(timer_arm(&timer, 1), -EINVAL);
	ck_assert_int_eq(timer_arm(NULL, 1), -EINVAL);
	timer_close(NULL);
	timer_close(&timer);
	ck_assert_int_eq(timer_open(&timer, test_loop, on_strike), 0);
	ck_assert_int_eq(timer_arm(&timer, NS_NEVER), 0);
	timer_close(&timer);
	ck_assert_int_eq(timer_arm(&timer, 1), -EINVAL);
	timer_close(&timer);
}
END_TEST

static void on_done(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	(void)owner;
	(void)status;
	(void)stream;
	(void)last;
	(void)late_ns;
}

START_TEST(connectors)
{
	const struct addr any = {.kind = ADDR_ANY};
	const struct addr name = {.kind = ADDR_NAME};
	const struct addr inet = {.kind = ADDR_INET};
	const struct addr passed = {.kind = ADDR_SYSTEMD};
	const struct connector_opts cases[] = {
		{.addr = &inet, .done = on_done},
		{.loop = test_loop, .done = on_done},
		{.loop = test_loop, .addr = &inet},
		{.loop = test_loop, .addr = &any, .done = on_done},
		{.loop = test_loop, .addr = &passed, .done = on_done},
		{.loop = test_loop, .addr = &name, .done = on_done},
	};

	for (size_t i = 0; i <= sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_null = i == sizeof(cases) / sizeof(cases[0]);

		errno = 0;
		ck_assert_ptr_null(connector_open(is_null ? NULL : &cases[i]));
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_ptr_null(connector_close(NULL));
	connector_set_timeout(NULL, 1);
	ck_assert(!connector_is_in_line(NULL));
	ck_assert_uint_eq(connector_deadline_ns(NULL), NS_NEVER);
}
END_TEST

START_TEST(acceptors_and_listening_sockets)
{
	const struct addr name = {.kind = ADDR_NAME};
	struct listen_socket socket = {.fd = -1};
	const char *why = "";

	ck_assert_ptr_null(acceptor_open(NULL));
	ck_assert_ptr_null(acceptor_close(NULL));
	acceptor_pause(NULL);
	acceptor_resume(NULL);
	ck_assert(!acceptor_is_paused(NULL));
	ck_assert(!acceptor_drain(NULL));
	ck_assert_int_eq(acceptor_set_options(NULL, NULL), -EINVAL);
	ck_assert_int_eq(acceptor_fd(NULL), -1);
	ck_assert_int_eq(listen_open(NULL, NULL, NULL, &socket, NULL), -EINVAL);
	ck_assert_int_eq(listen_open(&name, NULL, NULL, &socket, &why), -EINVAL);
	ck_assert_ptr_null(why);
	ck_assert_int_eq(listen_open_beside(&name, NULL, &socket, &why), -EINVAL);
	ck_assert_int_eq(socket.fd, -1);
	ck_assert_int_eq(listen_refuse(-1), -EBADF);
	ck_assert_int_eq(listen_queue_length(-1), -1);
	ck_assert(!listen_can_double(NULL));
	ck_assert(!listen_is_lost(NULL));
	listen_yield(NULL);
	listen_leave(NULL);
	listen_close(NULL);
	listen_close(&socket);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop_misuse");
	TCase *tc = tcase_create("misuse");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, every_function_of_the_headers_is_tried);
	tcase_add_test(tc, loops);
	tcase_add_test(tc, timers);
	tcase_add_test(tc, connectors);
	tcase_add_test(tc, acceptors_and_listening_sockets);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
