/* SPDX-License-Identifier: ISC */
/* HTTP connections of the server, and what it allows its clients; in virtual time. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "suite.h"
#include "vtime.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define TIME_NS   ((uint64_t)HTTP_SERVER_TIME_S * NS_PER_S)

enum { MUCH = 4 * 1024 * 1024 };

static struct http_server server;
static struct http_exchange *later; /* the open request for "/later" or "/parts" */
static unsigned n_gone;
static size_t n_left; /* the bytes of the parts that are not sent yet */
static char got[4096];
static size_t n_got;

static void on_gone(struct http_exchange *exchange)
{
	ck_assert_ptr_eq(exchange, later);
	later = NULL;
	n_gone++;
}

static void send_parts(struct http_exchange *exchange)
{
	static char part[10000];
	bool goes_on = true;

	while (n_left > 0 && goes_on) {
		size_t n = sizeof(part) < n_left ? sizeof(part) : n_left;

		memset(part, 'x', n);
		n_left -= n;
		goes_on = http_exchange_part(exchange, part, n);
	}
	if (n_left == 0 && goes_on) {
		later = NULL;
		http_exchange_end(exchange);
	}
}

/** Answers with what was asked. The test answers "/later"; "/parts" is answered in parts. */
static void on_request(void *owner, struct http_exchange *exchange)
{
	struct http_reply reply = {.status = 200, .type = "text/plain"};
	char text[256];
	int n;

	ck_assert_ptr_eq(owner, &server);
	if (exchange->refusal != NULL) {
		reply.status = exchange->refusal->status;
		http_exchange_answer(exchange, &reply, "no", 2);
		return;
	}
	n = snprintf(text, sizeof(text), "%s %.*s %s", http_verb_name(exchange->head->verb),
		(int)exchange->head->target.n, (const char *)exchange->head->target.bytes,
		exchange->body);
	if (strstr(text, "/later") != NULL) {
		later = exchange;
		exchange->gone = on_gone;
	} else if (strstr(text, "/parts") != NULL) {
		later = exchange;
		exchange->gone = on_gone;
		exchange->ready = send_parts;
		http_exchange_begin(exchange, &reply);
		send_parts(exchange);
	} else {
		http_exchange_answer(exchange, &reply, text, (size_t)n);
	}
}

static void setup(void)
{
	struct http_server_opts opts = {.loop = test_loop, .owner = &server, .answer = on_request};

	vtime_freeze();
	http_server_init(&server, &opts);
	n_gone = 0;
	n_got = 0;
	later = NULL;
}

static void teardown(void)
{
	http_server_close(&server);
	http_server_close(&server);
	loop_settle();
}

/** Connects a client. Returns its end of the connection. */
static int client_new(enum wire_kind kind)
{
	struct wire wire = wire_open_tiny(kind);

	ck_assert_int_eq(fcntl(wire.near, F_SETFL, O_NONBLOCK), 0);
	http_server_accept(&server, wire.near, kind == WIRE_UNIX);
	return wire.far;
}

/** As loop_until(), for a condition at a client's end, which the loop does not watch. */
#define client_until(condition)                                                                    \
	do {                                                                                       \
		while (!(condition)) {                                                             \
			loop_settle();                                                             \
		}                                                                                  \
	} while (0)

/** Receives what there is. Returns whether the server has closed the connection. */
static bool take(int fd)
{
	ptrdiff_t n;

	do {
		n = peer_recv(fd, got + n_got, sizeof(got) - 1 - n_got);
		n_got += n > 0 ? (size_t)n : 0;
		got[n_got] = '\0';
	} while (n > 0);
	return n == 0 || n == -ECONNRESET;
}

/** How often `text` is in what was received. */
static unsigned count(const char *text)
{
	unsigned n = 0;

	for (const char *at = strstr(got, text); at != NULL; at = strstr(at + 1, text)) {
		n++;
	}
	return n;
}

/* ---- exchanges ---- */

START_TEST(requests_on_a_connection_are_answered_in_turn)
{
	int fd = client_new(WIRE_TCP);

	peer_send(fd, GET("/1") GET("/2"));
	peer_send(fd, "PUT /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{");
	client_until((take(fd), count("200 OK") == 2));
	ck_assert(strstr(got, "\r\n\r\nGET /1 HTTP") != NULL);
	ck_assert(strstr(got, "GET /2 ") != NULL);
	peer_send(fd, "}" GET("/4"));
	client_until((take(fd), count("200 OK") == 4));
	ck_assert(strstr(got, "PUT /3 {}") != NULL && strstr(got, "GET /4 ") != NULL);
	ck_assert_uint_eq(server.n_connections, 1);
	close(fd);
}
END_TEST

START_TEST(head_has_the_head_of_the_answer_alone)
{
	int fd = client_new(WIRE_UNIX);

	peer_send(fd, "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until((take(fd), count("200 OK") == 1));
	ck_assert(strstr(got, "Content-Length: 10\r\n") != NULL);
	ck_assert_str_eq(got + n_got - 4, "\r\n\r\n");
	n_left = 100;
	peer_send(fd, "HEAD /parts HTTP/1.1\r\nHost: a\r\n\r\n");
	client_until((take(fd), count("200 OK") == 2));
	ck_assert(strstr(got, "chunked\r\n") != NULL && strstr(got, "xxx") == NULL);
	close(fd);
}
END_TEST

START_TEST(parts_are_chunks_or_end_with_the_connection)
{
	int fd = client_new(WIRE_TCP);

	n_left = 5;
	peer_send(fd, GET("/parts"));
	client_until((take(fd), strstr(got, "\r\n0\r\n\r\n") != NULL));
	ck_assert(strstr(got, "\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n") != NULL);
	n_left = 5;
	peer_send(fd, "GET /parts HTTP/1.0\r\n\r\n");
	client_until(take(fd));
	ck_assert(strstr(got, "Connection: close\r\n\r\nxxxxx") != NULL);
	close(fd);
}
END_TEST

START_TEST(a_refused_request_is_the_last_one)
{
	int fd = client_new(WIRE_TCP);

	peer_send(fd, "GET / HTTP/9.9\r\n" GET("/2"));
	client_until(take(fd));
	ck_assert(strstr(got, "HTTP/1.1 400 Bad Request\r\n") == got);
	ck_assert(strstr(got, "Connection: close\r\n") != NULL && strstr(got, "/2") == NULL);
	/* What the client still sends causes no reset. */
	peer_send(fd, GET("/3"));
	loop_settle();
	ck_assert_uint_eq(server.n_connections, 1);
	close(fd);
	loop_until(server.n_connections == 0);
}
END_TEST

START_TEST(who_lingers_is_let_go)
{
	int fd = client_new(WIRE_TCP);

	peer_send(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	client_until(take(fd));
	vtime_advance((uint64_t)HTTP_SERVER_LINGER_S * NS_PER_S);
	loop_until(server.n_connections == 0);
	close(fd);
}
END_TEST

START_TEST(who_ends_his_input_is_answered)
{
	int fd = client_new(_i == 0 ? WIRE_TCP : WIRE_UNIX);

	peer_send(fd, GET("/1"));
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	client_until(take(fd));
	ck_assert(strstr(got, "GET /1") != NULL);
	close(fd);
}
END_TEST

START_TEST(who_waits_to_send_a_body_is_told_to)
{
	int fd = client_new(WIRE_TCP);

	peer_send(fd, "PUT /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		      "Content-Length: 2\r\n\r\n");
	client_until((take(fd), count("HTTP/1.1 100 Continue\r\n\r\n") == 1));
	peer_send(fd, "{}");
	client_until((take(fd), count("PUT /p {}") == 1));
	close(fd);
}
END_TEST

/* ---- the bounds in time ---- */

START_TEST(a_request_has_its_time_from_its_first_byte_on)
{
	int fd = client_new(WIRE_TCP);

	vtime_advance(100 * TIME_NS); /* a silent connection stays open */
	loop_settle();
	ck_assert_uint_eq(server.n_connections, 1);
	for (unsigned i = 0; i < HTTP_SERVER_TIME_S; i++) {
		peer_send(fd, "\r\n");
		loop_settle();
		ck_assert(!take(fd));
		vtime_advance(NS_PER_S - 1);
	}
	loop_settle();
	ck_assert(!take(fd));
	vtime_advance(HTTP_SERVER_TIME_S);
	client_until(take(fd));
	ck_assert_uint_eq(n_got, 0);
	ck_assert_uint_eq(server.n_connections, 0);
	close(fd);
}
END_TEST

START_TEST(an_answer_under_way_has_no_bound)
{
	struct http_reply reply = {.status = 200};
	int fd = client_new(WIRE_UNIX);

	peer_send(fd, GET("/later"));
	loop_until(later != NULL);
	vtime_advance(1000 * TIME_NS);
	loop_settle();
	ck_assert_uint_eq(n_gone, 0);
	http_exchange_answer(later, &reply, "late", 4);
	client_until((take(fd), count("late") == 1));
	close(fd);
}
END_TEST

START_TEST(who_takes_no_byte_of_an_answer_is_cut_off)
{
	int fd = client_new(_i == 0 ? WIRE_TCP : WIRE_UNIX);

	n_left = MUCH;
	peer_send(fd, GET("/parts"));
	loop_until(later != NULL);
	loop_settle();
	ck_assert(n_left > MUCH / 2); /* the other parts were not made yet */
	vtime_advance(TIME_NS - 1);
	loop_settle();
	ck_assert_uint_eq(n_gone, 0);
	vtime_advance(1);
	loop_until(n_gone == 1);
	ck_assert_uint_eq(server.n_connections, 0);
	close(fd);
}
END_TEST

/* TCP reports room only when a third of the buffer is free, which may take longer. */
START_TEST(who_takes_bytes_of_the_kernel_is_not_cut_off)
{
	int fd = client_new(WIRE_TCP);

	n_left = MUCH;
	peer_send(fd, GET("/parts"));
	loop_until(later != NULL);
	loop_settle();
	vtime_set_delivered(true);
	for (unsigned i = 0; i < 3; i++) {
		vtime_advance(TIME_NS);
		loop_settle();
		ck_assert_uint_eq(n_gone, 0);
	}
	vtime_set_delivered(false);
	vtime_advance(TIME_NS);
	loop_until(n_gone == 1);
	close(fd);
}
END_TEST

START_TEST(who_takes_some_bytes_now_and_then_gets_all)
{
	int fd = client_new(WIRE_UNIX);
	size_t n_taken = 0;
	static char bytes[65536];

	n_left = MUCH / 8;
	peer_send(fd, GET("/parts"));
	for (unsigned i = 0; n_taken < MUCH / 8 || n_left > 0; i++) {
		ptrdiff_t n;

		vtime_advance(i < 6 ? TIME_NS / 2 : 0);
		loop_settle();
		n = peer_recv(fd, bytes, sizeof(bytes));
		ck_assert_int_gt(n, 0);
		n_taken += (size_t)n;
		loop_settle();
	}
	ck_assert_uint_eq(n_gone, 0);
	close(fd);
}
END_TEST

/* ---- which connections are closed ---- */

START_TEST(who_asks_is_told_of_a_client_that_goes)
{
	int fd = client_new(WIRE_UNIX);

	peer_send(fd, GET("/later"));
	loop_until(later != NULL);
	close(fd);
	loop_until(n_gone == 1);
}
END_TEST

START_TEST(who_asks_and_goes_is_heard)
{
	int fd = client_new(WIRE_UNIX);

	peer_send(fd, GET("/later"));
	close(fd);
	loop_until(n_gone == 1);
}
END_TEST

START_TEST(who_asks_and_resets_is_let_go)
{
	int fd = client_new(WIRE_TCP);

	peer_send(fd, GET("/1") GET("/parts"));
	peer_reset(fd);
	loop_until(server.n_connections == 0);
}
END_TEST

START_TEST(a_close_tells_who_asks)
{
	int fd = client_new(WIRE_UNIX);

	peer_send(fd, GET("/later"));
	loop_until(later != NULL);
	http_server_close(&server);
	ck_assert_uint_eq(n_gone, 1);
	close(fd);
}
END_TEST

START_TEST(an_answer_that_fails_is_cut_off)
{
	int fd = client_new(WIRE_TCP);
	struct http_reply reply = {.status = 200};

	peer_send(fd, GET("/later"));
	loop_until(later != NULL);
	http_exchange_begin(later, &reply);
	(void)http_exchange_part(later, "some", 4);
	http_exchange_abort(later);
	client_until(take(fd));
	ck_assert(strstr(got, "0\r\n\r\n") == NULL);
	ck_assert_uint_eq(n_gone, 0);
	close(fd);
}
END_TEST

START_TEST(the_longest_silent_makes_room)
{
	int fds[HTTP_SERVER_CONNECTIONS];
	int more;

	for (unsigned i = 0; i < HTTP_SERVER_CONNECTIONS; i++) {
		fds[i] = client_new(WIRE_UNIX);
	}
	/* The first waits for its answer, the second has just got one. */
	peer_send(fds[0], GET("/later"));
	peer_send(fds[1], GET("/1"));
	client_until((take(fds[1]), count("200 OK") == 1));
	ck_assert_uint_eq(server.n_connections, HTTP_SERVER_CONNECTIONS);
	more = client_new(WIRE_UNIX);
	ck_assert_uint_eq(server.n_connections, HTTP_SERVER_CONNECTIONS);
	client_until(take(fds[2]));
	for (unsigned i = 3; i < HTTP_SERVER_CONNECTIONS; i++) {
		ck_assert(!take(fds[i]));
	}
	ck_assert(!take(fds[0]) && !take(fds[1]));
	peer_send(more, GET("/more"));
	client_until((take(more), count("GET /more") == 1));
	for (unsigned i = 0; i < HTTP_SERVER_CONNECTIONS; i++) {
		close(fds[i]);
	}
	close(more);
	loop_until(server.n_connections == 0);
}
END_TEST

START_TEST(who_has_not_taken_all_of_an_answer_makes_no_room)
{
	static char bytes[65536];
	int fds[HTTP_SERVER_CONNECTIONS];
	size_t n_taken = 0;
	ptrdiff_t n;
	int more;

	fds[0] = client_new(WIRE_UNIX);
	n_left = sizeof(bytes) / 2;
	peer_send(fds[0], GET("/parts"));
	loop_until(n_left == 0 && later == NULL);
	for (unsigned i = 1; i < HTTP_SERVER_CONNECTIONS; i++) {
		fds[i] = client_new(WIRE_UNIX);
	}
	more = client_new(WIRE_UNIX);
	client_until(take(fds[1]));
	while (n_taken < sizeof(bytes) / 2) {
		n = peer_recv(fds[0], bytes, sizeof(bytes));
		ck_assert_int_gt(n, 0);
		n_taken += (size_t)n;
		loop_settle();
	}
	for (unsigned i = 0; i < HTTP_SERVER_CONNECTIONS; i++) {
		close(fds[i]);
	}
	close(more);
	loop_until(server.n_connections == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_server");
	TCase *tc = tcase_create("server");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, requests_on_a_connection_are_answered_in_turn);
	tcase_add_test(tc, head_has_the_head_of_the_answer_alone);
	tcase_add_test(tc, parts_are_chunks_or_end_with_the_connection);
	tcase_add_test(tc, a_refused_request_is_the_last_one);
	tcase_add_test(tc, who_lingers_is_let_go);
	tcase_add_loop_test(tc, who_ends_his_input_is_answered, 0, 2);
	tcase_add_test(tc, who_waits_to_send_a_body_is_told_to);
	tcase_add_test(tc, a_request_has_its_time_from_its_first_byte_on);
	tcase_add_test(tc, an_answer_under_way_has_no_bound);
	tcase_add_loop_test(tc, who_takes_no_byte_of_an_answer_is_cut_off, 0, 2);
	tcase_add_test(tc, who_takes_bytes_of_the_kernel_is_not_cut_off);
	tcase_add_test(tc, who_takes_some_bytes_now_and_then_gets_all);
	tcase_add_test(tc, who_asks_is_told_of_a_client_that_goes);
	tcase_add_test(tc, who_asks_and_goes_is_heard);
	tcase_add_test(tc, who_asks_and_resets_is_let_go);
	tcase_add_test(tc, a_close_tells_who_asks);
	tcase_add_test(tc, an_answer_that_fails_is_cut_off);
	tcase_add_test(tc, the_longest_silent_makes_room);
	tcase_add_test(tc, who_has_not_taken_all_of_an_answer_makes_no_room);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
