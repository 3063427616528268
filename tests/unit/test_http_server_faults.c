/* SPDX-License-Identifier: ISC */
/* Connections of an HTTP server while memory is lacking. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "http/server.h"
#include "suite.h"

static struct http_server server;
static unsigned n_asked;

static void on_request(void *owner, struct http_exchange *exchange)
{
	struct http_reply reply = {.status = 200, .type = "text/plain"};

	(void)owner;
	n_asked++;
	http_exchange_answer(exchange, &reply, exchange->body, exchange->n_body);
}

static void setup(void)
{
	struct http_server_opts opts = {.loop = test_loop, .owner = &server, .answer = on_request};

	n_asked = 0;
	http_server_init(&server, &opts);
}

static void teardown(void)
{
	http_server_close(&server);
	loop_settle();
}

START_TEST(a_request_whose_body_is_lost_is_not_answered)
{
	struct wire wire = wire_open_tiny(WIRE_TCP);
	char byte;

	ck_assert_int_eq(fcntl(wire.near, F_SETFL, O_NONBLOCK), 0);
	http_server_accept(&server, wire.near, false);
	peer_send(wire.far, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{");
	loop_settle();
	fault_only_call("realloc");
	fault_arm(1);
	peer_send(wire.far, _i == 0 ? " }" : " ");
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	if (_i == 1) { /* the fault came in the middle of the request */
		peer_send(wire.far, "}");
	}
	loop_until(server.n_connections == 0 || n_asked > 0);
	ck_assert_uint_eq(n_asked, 0);
	loop_settle();
	/* The connection ends, and nothing comes before. */
	ck_assert_int_le(peer_recv(wire.far, &byte, 1), 0);
	close(wire.far);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_server_faults");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_request_whose_body_is_lost_is_not_answered, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
