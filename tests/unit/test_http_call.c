/* SPDX-License-Identifier: ISC */
/* HTTP connections of the end that asks, in virtual time. */
#include "http/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "http/server.h"
#include "stream/acceptor.h"
#include "stream/listen.h"
#include "suite.h"
#include "vtime.h"

#define TIMEOUT_NS ((uint64_t)5 * NS_PER_S)

static struct http_server server;

/** Answers with what was asked. */
static void on_request(void *owner, struct http_exchange *exchange)
{
	struct http_reply reply = {.status = 200, .type = "text/plain"};
	char text[256];
	int n = snprintf(text, sizeof(text), "%s %.*s %s", http_verb_name(exchange->head->verb),
		(int)exchange->head->target.n, (const char *)exchange->head->target.bytes,
		exchange->body);

	(void)owner;
	http_exchange_answer(exchange, &reply, text, (size_t)n);
}

static void setup(void)
{
	struct http_server_opts opts = {.loop = test_loop, .owner = &server, .answer = on_request};

	vtime_freeze();
	http_server_init(&server, &opts);
}

static void teardown(void)
{
	http_server_close(&server);
	loop_settle();
}

static unsigned int call_status;
static char call_body[256];
static int call_result;
static bool call_done;
static struct http_call *call;

static void on_head(void *owner, const struct http_head *head)
{
	(void)owner;
	call_status = head->status;
}

static void on_piece(void *owner, const void *bytes, size_t n)
{
	(void)owner;
	strncat(call_body, bytes, n);
}

static void on_done(void *owner, int status)
{
	(void)owner;
	call_result = status;
	call_done = true;
	call = http_call_close(call);
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	(void)peer;
	(void)peer_len;
	if (owner != NULL) {
		*(int *)owner = fd;
	} else {
		http_server_accept(&server, fd, true);
	}
}

/** Calls a server that answers. With `ret_fd`, the test answers on that fd. */
static struct acceptor *call_begin(const char *target, const char *body, int *ret_fd)
{
	struct addr addr;
	const char *why;
	char text[64];
	struct listen_socket socket;
	struct acceptor_opts acceptor = {
		.loop = test_loop, .is_unix = true, .owner = ret_fd, .accepted = on_accepted};
	struct http_call_opts opts = {
		.loop = test_loop,
		.addr = &addr,
		.method = body == NULL ? "GET" : "POST",
		.target = target,
		.body = body,
		.timeout_ns = TIMEOUT_NS,
		.head = on_head,
		.body_piece = on_piece,
		.done = on_done,
	};
	static const struct file_access access = {.mode = 0600};

	(void)snprintf(text, sizeof(text), "unix:@weir-http-%d", (int)getpid());
	ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
	ck_assert_int_eq(listen_open(&addr, &access, NULL, &socket, &why), 0);
	acceptor.fd = socket.fd;
	socket.fd = -1;
	call_done = false;
	call_status = 0;
	*call_body = '\0';
	call = http_call_open(&opts);
	ck_assert_ptr_nonnull(call);
	return acceptor_open(&acceptor);
}

START_TEST(a_call_has_its_answer)
{
	struct acceptor *acceptor = call_begin("/x", _i == 0 ? NULL : "{}", NULL);

	loop_until(call_done);
	ck_assert_int_eq(call_result, 0);
	ck_assert_uint_eq(call_status, 200);
	ck_assert_str_eq(call_body, _i == 0 ? "GET /x " : "POST /x {}");
	acceptor_close(acceptor);
	loop_settle();
}
END_TEST

static const struct {
	const char *answer; /* NULL: none, until the call times out */
	int result;
} bad_answers[] = {
	{NULL, -ETIMEDOUT},
	{"", -ECONNRESET},
	{"HTTP/1.1 200 OK\r\nContent-Le", -ECONNRESET},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", -ECONNRESET},
	{"not known; ask for reload or status\nfailed\n", -EPROTONOSUPPORT},
	{"HTTP/7 200 OK\r\n", -EBADMSG},
};

START_TEST(a_call_says_what_was_wrong_with_its_answer)
{
	char asked[256];
	int fd = -1;
	struct acceptor *acceptor = call_begin("/x", NULL, &fd);

	loop_until(fd >= 0);
	if (bad_answers[_i].answer == NULL) {
		vtime_advance(TIMEOUT_NS);
	} else {
		loop_settle(); /* the request has arrived */
		ck_assert_int_gt(recv(fd, asked, sizeof(asked), 0), 0);
		peer_send(fd, bad_answers[_i].answer);
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	}
	loop_until(call_done);
	ck_assert_int_eq(call_result, bad_answers[_i].result);
	close(fd);
	acceptor_close(acceptor);
	loop_settle();
}
END_TEST

START_TEST(a_call_to_nobody_fails)
{
	struct addr addr;
	const char *why;
	struct http_call_opts opts = {.loop = test_loop,
		.addr = &addr,
		.method = "GET",
		.target = "/",
		.timeout_ns = TIMEOUT_NS,
		.body_piece = on_piece,
		.done = on_done};

	ck_assert_int_eq(addr_parse("unix:@weir-nobody-here", &addr, &why), 0);
	call_done = false;
	call = http_call_open(&opts);
	ck_assert_ptr_nonnull(call);
	loop_until(call_done);
	ck_assert_int_eq(call_result, -ECONNREFUSED);
	loop_settle();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_call");
	TCase *tc = tcase_create("call");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_call_has_its_answer, 0, 2);
	tcase_add_loop_test(tc, a_call_says_what_was_wrong_with_its_answer, 0,
		sizeof(bad_answers) / sizeof(bad_answers[0]));
	tcase_add_test(tc, a_call_to_nobody_fails);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
