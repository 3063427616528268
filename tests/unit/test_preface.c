/* SPDX-License-Identifier: ISC */
/* Tests of the stage PREFACE of a session: PROXY headers of clients, whole and in pieces. */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "preface_rig.h"
#include "proxy/counters.h"
#include "proxy/edge.h"
#include "proxy/limits.h"
#include "suite.h"

/* ---- what the server and the log get ---- */

START_TEST(a_header_is_for_weir_and_the_rest_for_the_server)
{
	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	side_send(&client, 5);
	loop_until(server.side.in.n_received == 5); /* these are the first 5 bytes of the pattern */
	finish_both();
	assert_says(" client=192.0.2.7:40000");
	assert_says(_i == 0 ? " peer=127.0.0.1:" : " peer=unix:");
	assert_says(" bytes_up=5");
	assert_says(" reason=eof");
}
END_TEST

START_TEST(a_header_alone_lets_a_server_speak_first)
{
	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	loop_until(server.n_accepted == 1);
	side_send(&server.side, 20);
	loop_until(client.in.n_received == 20);
	finish_both();
	assert_says(" bytes_up=0");
	assert_says(" bytes_down=20");
	assert_silent(" quiet_up_ms=");
}
END_TEST

START_TEST(a_header_and_its_data_in_one_piece)
{
	uint8_t bytes[8192];
	size_t n = v2("192.0.2.7:40000", "198.51.100.1:443", 0, bytes);

	pattern_fill(bytes + n, 0, 3000);
	begin(kind_of(_i));
	send_bytes(bytes, n + 3000);
	shutdown(client.fd, SHUT_WR);
	loop_until(server.side.in.ended);
	ck_assert_uint_eq(server.side.in.n_received, 3000);
	ck_assert_uint_eq(limits_sum(house_terms(&house, 0)->offer->limit,
				  offsetof(struct tally, n_bytes[SIDE_CLIENT][TALLY_COPIED])),
		3000);
	side_finish(&server.side);
	until_ended();
	assert_says(" client=192.0.2.7:40000");
	assert_says(" bytes_up=3000");
	assert_says(" by=client");
	assert_says(" reason=eof");
}
END_TEST

START_TEST(a_header_byte_by_byte)
{
	uint8_t bytes[4096];
	size_t n = v2("[2001:db8::7]:40000", "[2001:db8::1]:443", 600, bytes);

	begin(kind_of(_i));
	for (size_t i = 0; i < n; i++) {
		loop_settle();
		ck_assert_int_eq(session()->stage, SESSION_PREFACE);
		ck_assert_uint_eq(server.n_accepted, 0);
		send_bytes(bytes + i, 1);
	}
	side_send(&client, 5);
	loop_until(server.side.in.n_received == 5);
	finish_both();
	assert_says(" client=[2001:db8::7]:40000");
	assert_says(" bytes_up=5");
}
END_TEST

START_TEST(a_unix_client_of_small_writes_is_not_held_up)
{
	uint8_t bytes[4096];
	size_t n = v2("192.0.2.7:40000", "198.51.100.1:443", 600, bytes);
	size_t sent = 0;

	begin(WIRE_UNIX);
	for (unsigned rounds = 0; sent < n; rounds++) {
		ck_assert_uint_lt(rounds, 100);
		while (sent < n && send(client.fd, bytes + sent, 1, MSG_NOSIGNAL) == 1) {
			sent++; /* until the kernel takes no more, long before the end */
		}
		loop_settle();
	}
	side_send(&client, 5);
	loop_until(server.side.in.n_received == 5);
	finish_both();
	assert_says(" bytes_up=5");
}
END_TEST

START_TEST(what_follows_a_header_in_bulk_keeps_its_order)
{
	enum { BULK = 1024 * 1024 };

	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	side_send(&client, BULK);
	loop_until(server.side.in.n_received == BULK);
	finish_both();
	assert_says(" bytes_up=1048576");
}
END_TEST

START_TEST(a_server_that_does_not_read_holds_a_unix_client_up)
{
	enum { BULK = 16 * 1024 * 1024 };

	begin(WIRE_UNIX);
	send_bytes(V1, strlen(V1));
	side_send(&client, BULK);
	loop_until(server.n_accepted == 1);
	side_pause(&server.side);
	loop_until(loop_waiting_bytes(test_loop) > 0);
	loop_settle();
	ck_assert_uint_le(loop_queued_bytes(test_loop), house.conf.high_water_mark);
	side_receive(&server.side);
	loop_until(server.side.in.n_received == BULK);
	finish_both();
}
END_TEST

START_TEST(the_buffer_is_gone_with_the_join)
{
	begin(WIRE_UNIX);
	send_bytes(V1, strlen(V1));
	side_send(&client, 5);
	loop_until(session()->stage == SESSION_RELAYING);
	ck_assert_ptr_null(session()->setup);
	ck_assert_ptr_null(session()->edge->header);
	finish_both();
}
END_TEST

/* ---- the client that a header announces ---- */

static const struct {
	const char *source;
	const char *destination;
	const char *client; /* as the log has it */
} announced[] = {
	{"192.0.2.7:40000", "198.51.100.1:443", " client=192.0.2.7:40000"},
	{"[2001:db8::7]:40000", "[2001:db8::1]:443", " client=[2001:db8::7]:40000"},
	{"[::ffff:192.0.2.7]:40000", "[2001:db8::1]:443", " client=192.0.2.7:40000"},
	{"unix:/run/one", "unix:/run/two", " client=unix:/run/one"},
	{"unix:@abstract", "unix:/run/two", " client=unix:@abstract"},
};
enum { ANNOUNCED = sizeof(announced) / sizeof(announced[0]) };

START_TEST(the_announced_address_is_the_clients)
{
	uint8_t bytes[4096];
	size_t n = v2(announced[_i / KINDS].source, announced[_i / KINDS].destination, 0, bytes);

	begin(kind_of(_i % KINDS));
	send_bytes(bytes, n);
	loop_until(session()->stage == SESSION_RELAYING);
	finish_both();
	assert_says(announced[_i / KINDS].client);
	assert_says(_i % KINDS == 0 ? " peer=127.0.0.1:" : " peer=unix:");
	if (kind_of(_i % KINDS) == WIRE_UNIX) {
		assert_says(" peer_uid=");
	}
	assert_silent(" client_uid=");
}
END_TEST

START_TEST(who_announces_nobody_is_the_client)
{
	uint8_t bytes[4096];

	begin(kind_of(_i / 3));
	if (_i % 3 == 0) {
		send_bytes("PROXY UNKNOWN\r\n", 15);
	} else if (_i % 3 == 1) {
		send_bytes("PROXY UNKNOWN ff::1 ff::2 80 90\r\n", 33);
	} else {
		send_bytes(bytes, v2(NULL, NULL, 0, bytes)); /* LOCAL */
	}
	loop_until(session()->stage == SESSION_RELAYING);
	finish_both();
	assert_says(kind_of(_i / 3) == WIRE_TCP ? " client=127.0.0.1:" : " client=unix:");
	assert_silent(" peer=");
}
END_TEST

START_TEST(a_group_is_asked_for_the_announced_client)
{
	static struct black_hole hole;
	const struct sockaddr *asked_for;

	black_hole_open(&hole);
	house_clear_servers(&house);
	house_add_server(&house, hole.server.address);
	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	loop_until(session()->stage == SESSION_CONNECTING);
	asked_for = session()->setup->waiter.ask.client;
	ck_assert_ptr_nonnull(asked_for);
	ck_assert_int_eq(asked_for->sa_family, AF_INET);
	ck_assert_uint_eq(((const struct sockaddr_in *)asked_for)->sin_port, htons(40000));
	/* The header is kept whole, so that the server can be told of the client. */
	ck_assert_uint_eq(
		session()->edge->header->read.destination.len, sizeof(struct sockaddr_in));
	drain_until_now();
	until_ended();
	black_hole_close(&hole);
}
END_TEST

/**
 * The listener's allow and deny lists apply to the client that the header announces, not to the
 * proxy that sends it.
 */
START_TEST(who_is_announced_is_let_in_or_not)
{
	struct prefix listed = {.bytes = {192, 0, 2}, .bits = 24};
	struct conf_prefixes conf = {.prefixes = &listed, .n = 1};
	struct access *access = &house_terms(&house, 0)->access;
	struct peer_lists lists = {.first = NULL};

	*(_i / KINDS == 0 ? &access->allow : &access->deny) = peer_lists_get(&lists, &conf);
	peer_lists_fini(&lists);
	begin(kind_of(_i % KINDS));
	loop_settle();
	/* Before the header is here, a reload lets the session live. */
	ck_assert(session_look_at_access(session()));
	send_bytes(V1, strlen(V1));
	if (_i / KINDS == 0) {
		loop_until(session()->stage == SESSION_RELAYING);
		finish_both();
		assert_says(" reason=eof");
	} else {
		until_ended();
		ck_assert_uint_eq(server.n_accepted, 0);
		assert_says(" by=weir");
		assert_says(" reason=denied");
	}
	assert_says(" client=192.0.2.7:40000");
}
END_TEST

START_TEST(who_is_not_believed_sends_data)
{
	struct prefix other = {.bytes = {10}, .bits = 8};

	believe(&(struct conf_prefixes){
		.prefixes = &other, .n = 1, .unix_peers = kind_of(_i) == WIRE_TCP});
	begin(kind_of(_i));
	server.side.in.is_pattern = false;
	send_bytes(V1, strlen(V1));
	loop_until(server.n_accepted == 1);
	server.side.in.is_pattern = false;
	loop_until(server.side.in.n_received == strlen(V1));
	ck_assert_int_eq(strncmp(server.side.in.text, "PROXY TCP4 192.0.2.7", 20), 0);
	finish_both();
	assert_says(_i == 0 ? " client=127.0.0.1:" : " client=unix:");
	assert_silent(" peer=");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preface");
	TCase *tc = tcase_create("preface");

	tcase_add_checked_fixture(tc, preface_rig_setup, session_rig_teardown);
	tcase_add_loop_test(tc, a_header_is_for_weir_and_the_rest_for_the_server, 0, KINDS);
	tcase_add_loop_test(tc, a_header_alone_lets_a_server_speak_first, 0, KINDS);
	tcase_add_loop_test(tc, a_header_and_its_data_in_one_piece, 0, KINDS);
	tcase_add_loop_test(tc, a_header_byte_by_byte, 0, KINDS);
	tcase_add_test(tc, a_unix_client_of_small_writes_is_not_held_up);
	tcase_add_loop_test(tc, what_follows_a_header_in_bulk_keeps_its_order, 0, KINDS);
	tcase_add_test(tc, a_server_that_does_not_read_holds_a_unix_client_up);
	tcase_add_test(tc, the_buffer_is_gone_with_the_join);
	tcase_add_loop_test(tc, the_announced_address_is_the_clients, 0, ANNOUNCED * KINDS);
	tcase_add_loop_test(tc, who_announces_nobody_is_the_client, 0, 3 * KINDS);
	tcase_add_loop_test(tc, a_group_is_asked_for_the_announced_client, 0, KINDS);
	tcase_add_loop_test(tc, who_is_announced_is_let_in_or_not, 0, 2 * KINDS);
	tcase_add_loop_test(tc, who_is_not_believed_sends_data, 0, KINDS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
