/* SPDX-License-Identifier: ISC */
/*
 * The stage PREFACE of a session: PROXY headers of clients on TCP and on UNIX sockets, whole and in
 * pieces, and what goes wrong. In virtual time.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/conf.h"
#include "fault.h"
#include "log/log.h"
#include "proto/proxy_header.h"
#include "proxy/edge.h"
#include "proxy/offer.h"
#include "proxy/peers.h"
#include "proxy/session_private.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "vtime.h"

#define V1 "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"

/** Each test runs once on TCP and once on UNIX. */
enum { KINDS = 2 };
static enum wire_kind kind_of(int i)
{
	return i == 0 ? WIRE_TCP : WIRE_UNIX;
}

static struct offer *offer(void)
{
	return house_terms(&house, 0)->offer;
}

static struct conf_timeouts *timeouts(void)
{
	return &house_terms(&house, 0)->rules.timeouts;
}

/** Whoever is on the list must send a header. */
static void believe(const struct conf_prefixes *list)
{
	peers_free(offer()->accept_proxy);
	offer()->accept_proxy = peers_new(list);
	ck_assert_ptr_nonnull(offer()->accept_proxy);
	offer()->has_edge = true;
}

static void setup(void)
{
	session_rig_setup();
	vtime_freeze();
	house_add_server(&house, server.address);
	believe(&(struct conf_prefixes){.any = true});
}

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

static void send_bytes(const void *bytes, size_t n)
{
	ck_assert_int_eq(send(client.fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static struct proxy_address address_of(const char *text)
{
	struct proxy_address address = {0};
	struct addr addr;
	const char *why;

	ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
	address.len = addr.sa_len;
	address.sa = addr.sa;
	return address;
}

/** A header of version 2; its length. */
static size_t v2(const char *source, const char *destination, size_t n_padding, uint8_t out[4096])
{
	static uint8_t tlvs[4000];
	struct proxy_header header = {.version = 2, .who = PROXY_HEADER_CLIENT};
	int n;

	if (source == NULL) {
		header.who = PROXY_HEADER_LOCAL;
	} else {
		header.source = address_of(source);
		header.destination = address_of(destination);
	}
	if (n_padding > 0) { /* 2.2.6, PP2_TYPE_NOOP */
		tlvs[0] = 4;
		tlvs[1] = (uint8_t)(n_padding >> 8);
		tlvs[2] = (uint8_t)n_padding;
		header.tlvs = (struct span){tlvs, 3 + n_padding};
	}
	n = proxy_header_build(&header, out, 4096);
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

/** The client has nothing more to say, and the server ends. */
static void finish_both(void)
{
	side_finish(&client);
	loop_until(server.side.in.ended);
	side_finish(&server.side);
	until_ended();
}

/* ---- what the server and the log get ---- */

START_TEST(a_header_is_for_weir_and_the_rest_for_the_server)
{
	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	side_send(&client, 5);
	loop_until(server.side.in.n_received == 5); /* the pattern, from its beginning */
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
			sent++; /* until the kernel stops it, far from the end */
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
	ck_assert_uint_le(loop_waiting_bytes(test_loop), house.conf.high_water_mark);
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

/* ---- whom it announces ---- */

static const struct {
	const char *source;
	const char *destination;
	const char *client; /* in the log */
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
	/* And whoever tells the server of it has all that the header said. */
	ck_assert_uint_eq(
		session()->edge->header->read.destination.len, sizeof(struct sockaddr_in));
	drain_until_now();
	until_ended();
	black_hole_close(&hole);
}
END_TEST

/** The lists of the listener are for whom the header announces, and not for the proxy. */
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
	ck_assert(session_look_at_access(session())); /* a reload does not know yet */
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

/* ---- what goes wrong ---- */

static void assert_client_was_reset(void)
{
	loop_until(side_saw_reset(&client));
	ck_assert_uint_eq(server.n_accepted, 0);
}

START_TEST(what_is_no_header_is_reset)
{
	begin(kind_of(_i));
	send_bytes("GET / HTTP/1.1\r\n\0\r\n", 19);
	until_ended();
	assert_client_was_reset();
	assert_says(" by=weir");
	assert_says(" reason=bad_preface");
	assert_says(" error=\"PROXY header: it begins as no PROXY header does\"");
	assert_says(" first_bytes=\"GET / HTTP/1.1\\x0d\\x0a\\x00\\x0d\\x0a\"");
	assert_silent(" errno=");
}
END_TEST

START_TEST(a_wrong_byte_is_seen_at_once_and_cut_in_the_log)
{
	char bytes[300];

	memset(bytes, 'A', sizeof(bytes));
	memcpy(bytes, "PROXY TCP4 01", 13);
	begin(kind_of(_i));
	send_bytes(bytes, sizeof(bytes));
	until_ended();
	assert_client_was_reset();
	assert_says(" reason=bad_preface");
	ck_assert_ptr_nonnull(strstr(log_text, " first_bytes=\"PROXY TCP4 01AAA"));
	ck_assert_ptr_null(
		strstr(log_text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}
END_TEST

START_TEST(a_header_beyond_4_kib_is_wrong_before_it_has_come)
{
	uint8_t bytes[4096];

	v2("192.0.2.7:40000", "198.51.100.1:443", 0, bytes);
	bytes[14] = 0x10; /* a length of 4096, and more */
	begin(kind_of(_i));
	send_bytes(bytes, 16);
	until_ended();
	assert_client_was_reset();
	assert_says(" reason=bad_preface");
}
END_TEST

START_TEST(an_end_within_a_header_is_a_bad_preface)
{
	begin(kind_of(_i));
	send_bytes(V1, 20);
	loop_settle();
	ck_assert_int_eq(session()->stage, SESSION_PREFACE);
	side_finish(&client);
	until_ended();
	assert_client_was_reset();
	assert_says(" by=weir");
	assert_says(" reason=bad_preface");
	assert_says(" error=\"PROXY header: the client finished within it\"");
	assert_says(" first_bytes=\"PROXY TCP4 192.0.2.7\"");
}
END_TEST

START_TEST(an_end_right_with_half_a_header_is_too)
{
	begin(kind_of(_i));
	send_bytes(V1, 20);
	side_finish(&client);
	until_ended();
	assert_says(" reason=bad_preface");
}
END_TEST

START_TEST(a_reset_within_a_header_is_the_clients)
{
	begin(WIRE_TCP);
	send_bytes(V1, 20);
	loop_settle();
	side_reset(&client);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
	ck_assert_ptr_nonnull(strstr(log_text, "level=info event=close"));
}
END_TEST

START_TEST(an_end_before_the_first_byte_is_a_probe)
{
	begin(kind_of(_i));
	side_finish(&client);
	until_ended();
	loop_until(side_saw_fin(&client) || client.in.error != 0);
	ck_assert_int_eq(client.in.error, 0);
	ck_assert_uint_eq(server.n_accepted, 0);
	assert_says(" by=client");
	assert_says(" reason=eof");
	assert_silent(" first_bytes=");
	ck_assert_ptr_nonnull(strstr(log_text, "level=debug event=close"));
}
END_TEST

START_TEST(so_is_a_reset_before_the_first_byte)
{
	begin(WIRE_TCP);
	side_reset(&client);
	until_ended();
	ck_assert_uint_eq(server.n_accepted, 0);
	assert_says(" by=client");
	assert_says(" reason=reset");
	ck_assert_ptr_nonnull(strstr(log_text, "level=debug event=close"));
}
END_TEST

/* ---- time ---- */

START_TEST(half_a_header_ends_at_its_time_and_not_before)
{
	timeouts()->preface_ns = ms(5000);
	begin(kind_of(_i));
	vtime_pass(ms(4000));
	send_bytes(V1, 20); /* from accept on, whatever comes */
	loop_settle();
	vtime_pass(ms(1000) - 1);
	ck_assert_int_eq(session()->stage, SESSION_PREFACE);
	vtime_pass(1);
	until_ended();
	assert_client_was_reset();
	assert_says(" by=weir");
	assert_says(" reason=preface");
	assert_says(" timer=preface");
	assert_says(" late_us=0");
	assert_says(" error=\"PROXY header: it is not complete\"");
	assert_says(" first_bytes=\"PROXY TCP4 192.0.2.7\"");
}
END_TEST

START_TEST(who_sends_nothing_ends_at_its_time)
{
	timeouts()->preface_ns = ms(5000);
	begin(kind_of(_i));
	vtime_pass(ms(5000));
	until_ended();
	assert_says(" reason=preface");
	assert_says(" error=\"PROXY header: nothing has come\"");
}
END_TEST

START_TEST(a_header_that_came_while_weir_was_late_counts)
{
	timeouts()->preface_ns = ms(5000);
	begin(kind_of(_i));
	loop_settle();
	vtime_advance(ms(6000));
	send_bytes(V1, strlen(V1));
	loop_until(session()->stage == SESSION_RELAYING);
	finish_both();
	assert_says(" reason=eof");
}
END_TEST

START_TEST(after_the_header_the_timer_is_off)
{
	timeouts()->preface_ns = ms(5000);
	begin(kind_of(_i));
	send_bytes(V1, strlen(V1));
	loop_until(session()->stage == SESSION_RELAYING);
	vtime_pass(ms(60000));
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	finish_both();
}
END_TEST

START_TEST(another_timeout_is_in_force_at_once)
{
	timeouts()->preface_ns = ms(60000);
	begin(kind_of(_i));
	loop_settle();
	timeouts()->preface_ns = ms(80);
	session_apply_timeouts(session());
	vtime_pass(ms(80));
	until_ended();
	assert_says(" timer=preface");
}
END_TEST

START_TEST(lifetime_and_drain_end_it_too)
{
	if (_i / KINDS == 0) {
		timeouts()->lifetime_ns = ms(80);
	}
	begin(kind_of(_i % KINDS));
	send_bytes(V1, 20);
	loop_settle();
	if (_i / KINDS == 0) {
		vtime_pass(ms(80));
	} else {
		drain_until_now();
	}
	until_ended();
	assert_client_was_reset();
	assert_says(_i / KINDS == 0 ? " reason=lifetime" : " reason=drain");
	assert_silent(" first_bytes=");
}
END_TEST

/* ---- faults ---- */

/** The header comes in two pieces; until the server has all, or it is over. */
static void live(const struct session_opts *opts)
{
	uint8_t bytes[4096];
	size_t n = v2("unix:/run/one", "unix:/run/two", 0, bytes);

	send_bytes(bytes, 20);
	fault_resume();
	session_open(opts);
	loop_until(house.proxy.part.n_sessions == 0 || session()->stage == SESSION_PREFACE);
	loop_settle();
	fault_suspend();
	(void)send(client.fd, bytes + 20, n - 20, MSG_NOSIGNAL);
	side_send(&client, 5);
	fault_resume();
	loop_until(house.proxy.part.n_sessions == 0 || server.side.in.n_received == 5);
}

START_TEST(what_fails_ends_its_session_alone)
{
	bool met = true;

	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned n = 1; met; n++) {
		struct session_opts opts = house_client(&house, 0, kind_of(_i), &client);

		ck_assert_uint_lt(n, 200);
		side_receive(&client);
		fault_only(FAULT_MEMORY | FAULT_BYTES);
		fault_suspend();
		fault_arm(n);
		live(&opts);
		met = fault_disarm();
		ck_assert(met || server.side.in.n_received == 5);
		server.side.in.n_received = 0;
		side_close(&client);
		side_close(&server.side);
		loop_until(house.proxy.part.n_sessions == 0);
	}
	log_set_level(LOG_LEVEL_DEBUG);
	begin(kind_of(_i));
	side_finish(&client);
	until_ended();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preface");
	TCase *tc = tcase_create("preface");

	tcase_add_checked_fixture(tc, setup, session_rig_teardown);
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
	tcase_add_loop_test(tc, what_is_no_header_is_reset, 0, KINDS);
	tcase_add_loop_test(tc, a_wrong_byte_is_seen_at_once_and_cut_in_the_log, 0, KINDS);
	tcase_add_loop_test(tc, a_header_beyond_4_kib_is_wrong_before_it_has_come, 0, KINDS);
	tcase_add_loop_test(tc, an_end_within_a_header_is_a_bad_preface, 0, KINDS);
	tcase_add_loop_test(tc, an_end_right_with_half_a_header_is_too, 0, KINDS);
	tcase_add_test(tc, a_reset_within_a_header_is_the_clients);
	tcase_add_loop_test(tc, an_end_before_the_first_byte_is_a_probe, 0, KINDS);
	tcase_add_test(tc, so_is_a_reset_before_the_first_byte);
	tcase_add_loop_test(tc, half_a_header_ends_at_its_time_and_not_before, 0, KINDS);
	tcase_add_loop_test(tc, who_sends_nothing_ends_at_its_time, 0, KINDS);
	tcase_add_loop_test(tc, a_header_that_came_while_weir_was_late_counts, 0, KINDS);
	tcase_add_loop_test(tc, after_the_header_the_timer_is_off, 0, KINDS);
	tcase_add_loop_test(tc, another_timeout_is_in_force_at_once, 0, KINDS);
	tcase_add_loop_test(tc, lifetime_and_drain_end_it_too, 0, 2 * KINDS);
	tcase_add_loop_test(tc, what_fails_ends_its_session_alone, 0, KINDS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
