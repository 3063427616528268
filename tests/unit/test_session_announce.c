/* SPDX-License-Identifier: ISC */
/*
 * Tests of the PROXY header that weir sends to the server: when it goes out, that it is whole, that
 * none of its bytes count as the client's, and how a session ends if its server has got the
 * header, or should have got it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "proto/proxy_header.h"
#include "proxy/edge.h"
#include "proxy/offer.h"
#include "segments.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "upstream/eject.h"
#include "vtime.h"

enum { HEADER_V2 = 16 + 12 }; /* IPv4, without TLVs */

/** The server's end of the connection, and the bytes that came there. */
static int peer;
static uint8_t bytes[4096 + 1024];
static size_t n_bytes;
static int end; /* how it ended: 0: FIN; negative: reset; 1: not yet */
static struct ejections ejections;

/** The most bytes that the kernel takes of one send. SIZE_MAX: all; 0: none, it is full. */
static size_t send_max;

/** Looks again and again: bytes that come to the peer do not wake the loop. */
#define settle_until(condition)                                                                    \
	do {                                                                                       \
		loop_settle();                                                                     \
	} while (!(condition))

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (fault_strikes("send", FAULT_BYTES, ECONNRESET)) {
		return -1;
	}
	if (send_max == 0) {
		errno = EAGAIN;
		return -1;
	}
	return __real_send(fd, data, send_max < len ? send_max : len, flags);
}

static void setup(void)
{
	session_rig_setup();
	vtime_freeze();
	server_block(&server);
	peer = -1;
	n_bytes = 0;
	end = 1;
	send_max = SIZE_MAX;
	house.upstream.send_proxy = SEND_PROXY_V2;
}

static void teardown(void)
{
	if (peer >= 0) {
		close(peer);
	}
	session_rig_teardown();
}

/** Replaces the server by one on a UNIX socket. */
static void serve_unix(void)
{
	close(server.fd);
	server.fd = listen_anywhere(WIRE_UNIX, server.address);
}

static void accept_peer(void)
{
	settle_until((peer = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
}

/** Reads at most `max` bytes, if there are any. Returns how many the peer has got in all. */
static size_t take(size_t max)
{
	ptrdiff_t n = peer_recv(peer, bytes + n_bytes, max);

	if (n > 0) {
		n_bytes += (size_t)n;
	} else if (n != -EAGAIN) {
		end = (int)n;
	}
	return n_bytes;
}

/** The peer must have got a header and `n_behind` bytes of the client. Returns the header. */
static struct proxy_header must_have(size_t n_behind)
{
	struct proxy_header header;
	const char *why = NULL;
	int n = proxy_header_parse(bytes, n_bytes, &header, &why);

	ck_assert_msg(n > 0, "%s", why);
	ck_assert_uint_eq(n_bytes, (size_t)n + n_behind);
	for (size_t i = 0; i < n_behind; i++) {
		ck_assert_uint_eq(bytes[(size_t)n + i], pattern_at(i));
	}
	return header;
}

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

/** Begins a session of a client that has sent this header. */
static void begin_announced(const struct proxy_header *header)
{
	uint8_t own[PROXY_HEADER_V2_MAX];
	int n = proxy_header_build(header, own, sizeof(own));

	ck_assert_int_gt(n, 0);
	house_terms(&house, 0)->offer->has_edge = true;
	begin(WIRE_TCP);
	ck_assert_int_eq(edge_keep_header(session()->edge, own, (size_t)n), 0);
}

/** The session must end. Time passes, because some ends need a look at the kernel, by a timer. */
static void must_end(void)
{
	while (house.proxy.part.n_sessions > 0) {
		vtime_pass(ms(1));
	}
	until_ended();
}

static unsigned row(void)
{
	return atomic_load(&session_target(session())->plan->members[0]->server->streak.n);
}

/* ---- when the header goes out ---- */

START_TEST(it_goes_out_in_one_segment_with_bytes_that_are_there)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	side_send(&client, 300);
	accept_peer();
	settle_until(take(sizeof(bytes)) >= HEADER_V2 + 300);
	must_have(300);
	ck_assert_uint_eq(segments_of(peer), 1);
	side_send(&client, 100); /* later bytes are not held back */
	settle_until(take(400) == HEADER_V2 + 400);
	side_reset(&client);
	must_end();
	assert_says(" bytes_up=400");
}
END_TEST

START_TEST(it_goes_out_at_once_when_the_client_is_silent)
{
	if (_i == 1) {
		serve_unix();
	}
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	accept_peer();
	settle_until(take(sizeof(bytes)) >= HEADER_V2);
	must_have(0);
	peer_send(peer, "hello");
	client.in.is_pattern = false;
	loop_until(client.in.n_received == 5);
	ck_assert_uint_eq(pump_bytes(&session()->pair.sides[SIDE_CLIENT].pump), 0);
	side_reset(&client);
	must_end();
	assert_says(" bytes_up=0");
	assert_says(" bytes_down=5");
	assert_silent(" quiet_up_ms="); /* the header is no byte of the client */
}
END_TEST

/* Runs with TCP and UNIX on either side, and in both versions. */
START_TEST(it_tells_the_client_of_each_kind_to_a_server_of_each)
{
	enum wire_kind kind = _i % 2 == 0 ? WIRE_TCP : WIRE_UNIX;
	bool is_v1 = _i / 4 == 1;
	struct proxy_header header;

	if (_i / 2 % 2 == 1) {
		serve_unix();
	}
	house.upstream.send_proxy = is_v1 ? SEND_PROXY_V1 : SEND_PROXY_V2;
	house_add_server(&house, server.address);
	begin(kind);
	side_send(&client, 50);
	side_finish(&client);
	accept_peer();
	settle_until(take(sizeof(bytes)) > 0 && end <= 0);
	header = must_have(50);
	ck_assert_int_eq(end, 0);
	ck_assert_uint_eq(header.version, is_v1 ? 1 : 2);
	if (is_v1 && kind == WIRE_UNIX) {
		ck_assert_int_eq(header.who, PROXY_HEADER_UNSPEC);
	} else {
		ck_assert_int_eq(header.who, PROXY_HEADER_CLIENT);
		ck_assert_int_eq(
			header.source.sa.any.sa_family, kind == WIRE_TCP ? AF_INET : AF_UNIX);
	}
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	must_end();
	assert_says(" bytes_up=50");
}
END_TEST

START_TEST(each_server_is_told_anew_and_only_one_is_talked_to)
{
	char refused[64];

	house_refused_address(&house, refused);
	house_add_server(&house, refused);
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	side_send(&client, 300);
	accept_peer();
	settle_until(take(sizeof(bytes)) >= HEADER_V2 + 300);
	must_have(300);
	side_reset(&client);
	must_end();
	assert_says("(Connection refused)\"");
}
END_TEST

/* ---- the header is whole ---- */

/** The kernel takes one byte at a time. The server sends its FIN before it has got anything. */
START_TEST(a_server_that_takes_a_byte_at_a_time_gets_it_whole)
{
	serve_unix(); /* a UNIX socket wakes weir after each byte that is read */
	house_add_server(&house, server.address);
	send_max = 1;
	begin(WIRE_TCP);
	if (_i == 1) {
		side_send(&client, 300);
	}
	side_finish(&client);
	accept_peer();
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	loop_until(client.in.ended);
	settle_until(take(1) > 0 && end <= 0);
	ck_assert_int_eq(end, 0);
	must_have(_i == 1 ? 300 : 0);
	must_end();
	assert_says(_i == 1 ? " bytes_up=300" : " bytes_up=0");
	assert_says(" reason=eof");
}
END_TEST

START_TEST(a_server_that_takes_nothing_of_it_ends_by_write_stall)
{
	struct conf_timeouts *timeouts = &house_terms(&house, 0)->rules.timeouts;

	serve_unix();
	house_add_server(&house, server.address);
	timeouts->write_stall_ns = ms(80);
	timeouts->idle_ns = ms(50); /* waiting bytes keep this timer from striking */
	send_max = 0;
	begin(WIRE_TCP);
	accept_peer();
	loop_settle();
	vtime_pass(ms(80) - 1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	vtime_pass(1);
	must_end();
	assert_says(" reason=write_stall");
}
END_TEST

START_TEST(what_counts_silence_runs_as_soon_as_it_is_out)
{
	struct conf_timeouts *timeouts = &house_terms(&house, 0)->rules.timeouts;
	struct deadline_drain drain = {
		.start_ns = clock_ns(), .idle_first_ns = ms(50), .end_ns = NS_NEVER};

	house_add_server(&house, server.address);
	timeouts->write_stall_ns = ms(1000); /* runs while the header waits */
	timeouts->idle_ns = _i == 0 ? ms(50) : NS_NEVER;
	begin(WIRE_TCP);
	session_drain(session(), _i == 0 ? NULL : &drain);
	accept_peer();
	settle_until(take(HEADER_V2) == HEADER_V2);
	vtime_pass(ms(50) - 1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	vtime_pass(1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
	must_end();
	assert_says(_i == 0 ? " timer=idle" : " timer=drain");
	assert_says(" late_us=0");
}
END_TEST

START_TEST(bulk_is_spliced_behind_it)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	side_send(&client, 4 * 1024 * 1024);
	accept_peer();
	settle_until(take(HEADER_V2) == HEADER_V2);
	must_have(0);
	while (!stream_is_splicing(session()->pair.sides[SIDE_CLIENT].pump.from)) {
		loop_settle();
		n_bytes = 0;
		(void)take(sizeof(bytes));
	}
	peer_reset(peer);
	peer = -1;
	must_end();
}
END_TEST

/* ---- servers that do not want the header ---- */

static void eject_setup(void)
{
	setup();
	ck_assert_int_eq(ejections_open(&ejections, &house.shared.groups, test_loop), 0);
	house.upstream.eject = (struct conf_eject){.on = true,
		.failures = 100,
		.within_ns = NS_PER_S,
		.for_ns = NS_PER_S,
		.at_most = 100};
}

static void eject_teardown(void)
{
	ejections_close(&ejections);
	teardown();
}

static unsigned row_after_end;

static void reset_the_pair(void)
{
	struct server *member = NULL;

	accept_peer();
	settle_until(take(sizeof(bytes)) >= HEADER_V2);
	member = session()->member->server;
	peer_reset(peer);
	peer = -1;
	loop_until(house.proxy.part.n_sessions == 0);
	row_after_end = atomic_load(&member->streak.n);
	must_end();
	assert_says(" by=upstream");
	assert_says(" reason=reset");
}

START_TEST(a_server_that_resets_for_it_is_to_blame)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	reset_the_pair();
	must_have(0);
	ck_assert_uint_eq(row_after_end, 1);
}
END_TEST

START_TEST(a_server_that_resets_before_it_could_go_out_is_to_blame)
{
	struct server *member;
	unsigned n_turns = 0;

	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	loop_until(n_turns++ > 0); /* connect(2) was called */
	ck_assert_int_eq(session()->stage, SESSION_CONNECTING);
	member = session()->member->server;
	/* The kernel has held its last ACK back for the header, but only for 200 ms. */
	while ((peer = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC)) < 0) {
		(void)usleep(1000);
	}
	peer_reset(peer);
	peer = -1;
	loop_until(house.proxy.part.n_sessions == 0);
	ck_assert_uint_eq(atomic_load(&member->streak.n), 1);
	must_end();
	assert_says(" by=upstream");
	assert_says(" reason=reset");
	assert_says(" errno=ECONNRESET");
}
END_TEST

START_TEST(a_server_that_resets_for_it_and_the_clients_bytes_is_not)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	side_send(&client, 1);
	reset_the_pair();
	ck_assert_uint_eq(row_after_end, 0);
}
END_TEST

START_TEST(a_server_that_resets_for_what_a_balancer_said_is_to_blame)
{
	static const uint8_t name[] = "a.test";
	struct proxy_header header = {
		.version = 2, .who = PROXY_HEADER_UNSPEC, .authority = {name, sizeof(name) - 1}};

	house.upstream.send_proxy_tlvs = CONF_TLV_AUTHORITY;
	house_add_server(&house, server.address);
	begin_announced(&header);
	reset_the_pair();
	header = must_have(0);
	ck_assert_uint_eq(header.authority.n, sizeof(name) - 1);
	ck_assert_uint_eq(row_after_end, 1);
}
END_TEST

START_TEST(a_server_that_closes_for_it_ends_the_pair_by_its_fin)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	accept_peer();
	settle_until(take(sizeof(bytes)) >= HEADER_V2);
	close(peer);
	peer = -1;
	loop_until(client.in.ended);
	ck_assert_uint_eq(row(), 0);
	side_finish(&client);
	must_end();
	assert_says(" by=upstream");
	assert_says(" reason=eof");
}
END_TEST

/* ---- the log ---- */

START_TEST(our_unique_id_is_logged_where_it_is_told)
{
	char expected[128];
	char id[64];
	struct proxy_header header;

	house.upstream.send_proxy_tlvs = CONF_TLV_UNIQUE_ID;
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	accept_peer();
	settle_until(take(sizeof(bytes)) > HEADER_V2);
	header = must_have(0);
	(void)snprintf(id, sizeof(id), "%.*s", (int)header.unique_id.n, header.unique_id.bytes);
	side_reset(&client);
	must_end();
	(void)snprintf(expected, sizeof(expected), " unique_id=%s", id);
	assert_says(expected);
	ck_assert_str_eq(strchr(id, '-'), "-1"); /* pair=1 */
}
END_TEST

START_TEST(a_unique_id_that_nobody_is_told_is_none)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	accept_peer();
	side_reset(&client);
	must_end();
	assert_silent(" unique_id=");
}
END_TEST

/* ---- failures ---- */

/** A FIN would be an empty request. A reset may come before the kernel has shown the connection. */
static void must_have_no_fin(void)
{
	peer = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (peer >= 0) {
		settle_until(take(1) > 0 || end <= 0);
		ck_assert_int_lt(end, 0);
	}
}

START_TEST(what_would_be_too_long_is_an_error_and_not_the_servers)
{
	static uint8_t much[3 + 4060] = {0xe0, 4060 >> 8, 4060 & 0xff};
	struct proxy_header header = {
		.version = 2, .who = PROXY_HEADER_UNSPEC, .tlvs = {much, sizeof(much)}};

	house.upstream.send_proxy_tlvs = CONF_TLV_RECEIVED | CONF_TLV_UNIQUE_ID;
	house_add_server(&house, server.address);
	house_add_server(&house, server.address);
	begin_announced(&header);
	loop_until(side_saw_reset(&client));
	must_end();
	assert_says(" by=weir");
	assert_says(" reason=error");
	assert_says(" errno=EMSGSIZE");
	assert_silent(" tried=");
	must_have_no_fin();
}
END_TEST

START_TEST(without_memory_for_it_the_session_ends_as_limit)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	loop_until(session()->stage == SESSION_CONNECTING);
	fault_only_call("malloc");
	fault_arm(1);
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	loop_until(side_saw_reset(&client));
	must_end();
	assert_says(" by=weir");
	assert_says(" reason=limit");
	assert_says(" errno=ENOMEM");
	assert_says(" server=\"\"");
	must_have_no_fin();
}
END_TEST

START_TEST(a_send_that_fails_is_the_servers_reset)
{
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	fault_only_call("send");
	fault_arm(1);
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	must_end();
	assert_says(" by=upstream");
	assert_says(" reason=reset");
	assert_says(" bytes_up=0");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_announce");
	TCase *tc = tcase_create("announce");
	TCase *eject = tcase_create("eject");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, it_goes_out_in_one_segment_with_bytes_that_are_there);
	tcase_add_loop_test(tc, it_goes_out_at_once_when_the_client_is_silent, 0, 2);
	tcase_add_loop_test(tc, it_tells_the_client_of_each_kind_to_a_server_of_each, 0, 8);
	tcase_add_test(tc, each_server_is_told_anew_and_only_one_is_talked_to);
	tcase_add_loop_test(tc, a_server_that_takes_a_byte_at_a_time_gets_it_whole, 0, 2);
	tcase_add_test(tc, a_server_that_takes_nothing_of_it_ends_by_write_stall);
	tcase_add_loop_test(tc, what_counts_silence_runs_as_soon_as_it_is_out, 0, 2);
	tcase_add_test(tc, bulk_is_spliced_behind_it);
	tcase_add_test(tc, our_unique_id_is_logged_where_it_is_told);
	tcase_add_test(tc, a_unique_id_that_nobody_is_told_is_none);
	tcase_add_test(tc, what_would_be_too_long_is_an_error_and_not_the_servers);
	tcase_add_test(tc, without_memory_for_it_the_session_ends_as_limit);
	tcase_add_test(tc, a_send_that_fails_is_the_servers_reset);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(eject, eject_setup, eject_teardown);
	tcase_add_test(eject, a_server_that_resets_for_it_is_to_blame);
	tcase_add_test(eject, a_server_that_resets_before_it_could_go_out_is_to_blame);
	tcase_add_test(eject, a_server_that_resets_for_it_and_the_clients_bytes_is_not);
	tcase_add_test(eject, a_server_that_resets_for_what_a_balancer_said_is_to_blame);
	tcase_add_test(eject, a_server_that_closes_for_it_ends_the_pair_by_its_fin);
	suite_add_tcase(suite, eject);
	return suite_run(suite);
}
