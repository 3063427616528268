/* SPDX-License-Identifier: ISC */
/*
 * Tests of sessions of a listener with routes, in virtual time: what they wait for, to which
 * upstream they go, and what the log says of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "hellos.h"
#include "log/log.h"
#include "proxy/edge.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/session_private.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "vtime.h"

/** Each test runs once on TCP and once on UNIX. */
enum { KINDS = 2 };
static enum wire_kind kind_of(int i)
{
	return i == 0 ? WIRE_TCP : WIRE_UNIX;
}

/* ---- a config of two upstreams ---- */

enum { OWN, NAMED, UPSTREAMS };

static int listening[UPSTREAMS];
static int server_fd; /* the connection that one of the servers has accepted; -1: none */
static struct conf next_conf;
static struct conf_listener next_listeners[2];
static struct conf_upstream upstreams[UPSTREAMS];
static struct conf_server servers[UPSTREAMS];
static char a_test[] = "a.test";
static char *sni[] = {a_test};
static struct conf_route route;

/* The hello of a client that asks for a.test, with h2 as its first protocol. */
static uint8_t hello[1024];
static size_t n_hello;

static void decode_hello(void)
{
	n_hello = strlen(recorded[0].hex) / 2;
	ck_assert_uint_le(n_hello, sizeof(hello));
	for (size_t i = 0; i < n_hello; i++) {
		unsigned byte;

		ck_assert_int_eq(sscanf(recorded[0].hex + 2 * i, "%2x", &byte), 1);
		hello[i] = (uint8_t)byte;
	}
}

static void setup(void)
{
	static char named[] = "named";

	session_rig_setup();
	vtime_freeze();
	decode_hello();
	server_fd = -1;
	for (size_t i = 0; i < UPSTREAMS; i++) {
		const char *why;

		servers[i] = (struct conf_server){.weight = 1};
		listening[i] = listen_anywhere(WIRE_TCP, servers[i].text);
		servers[i].name = servers[i].text;
		ck_assert_int_eq(addr_parse(servers[i].text, &servers[i].addr, &why), 0);
		upstreams[i] = house.upstream;
		upstreams[i].servers = &servers[i];
		upstreams[i].n_servers = 1;
	}
	upstreams[NAMED].name = named;
	route = (struct conf_route){.sni = sni, .n_sni = 1, .upstream = &upstreams[NAMED]};
	memcpy(next_listeners, house.listeners, sizeof(next_listeners));
	for (size_t i = 0; i < 2; i++) {
		next_listeners[i].upstream = &upstreams[OWN];
		next_listeners[i].routes = &route;
		next_listeners[i].n_routes = 1;
	}
	next_conf = house.conf;
	next_conf.listeners = next_listeners;
	next_conf.upstreams = upstreams;
	next_conf.n_upstreams = UPSTREAMS;
	refs_init(&next_conf.refs);
	/* The house must not apply its own config any more. */
	house.applied = house.upstream;
	memcpy(house.applied_servers, house.servers, sizeof(house.servers));
}

static void teardown(void)
{
	for (size_t i = 0; i < UPSTREAMS; i++) {
		close(listening[i]);
	}
	session_rig_teardown();
}

/** Puts the config, as it is now, in force. */
static void turn(void)
{
	struct generation *before = house.shared.generation;
	struct generation *next = generation_new(&next_conf, &house.shared);

	ck_assert_ptr_nonnull(next);
	generation_enforce(next, &house.shared.places, 0);
	house.shared.generation = next;
	proxy_switch(&house.proxy, next);
	generation_unref(before);
}

/* ---- clients and servers ---- */

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

static void send_bytes(const void *bytes, size_t n)
{
	ck_assert_int_eq(send(client.fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static bool accepts(size_t upstream)
{
	if (server_fd < 0) {
		server_fd = accept4(listening[upstream], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	return server_fd >= 0;
}

/** The server must get these bytes, from the first one on. */
static void assert_arrives(const void *bytes, size_t n)
{
	uint8_t got[sizeof(hello)];
	size_t n_got = 0;

	while (n_got < n) {
		ssize_t r = recv(server_fd, got + n_got, n - n_got, 0);

		if (r < 0) {
			fixture_turn(__FILE__, __LINE__, "bytes");
		} else {
			ck_assert_int_gt(r, 0);
			n_got += (size_t)r;
		}
	}
	ck_assert_mem_eq(got, bytes, n);
}

/** Finishes both sides, and reads the log. */
static void finish_both(void)
{
	side_finish(&client);
	ck_assert_int_eq(shutdown(server_fd, SHUT_WR), 0);
	until_ended();
	close(server_fd);
	server_fd = -1;
}

static void assert_goes_to(size_t upstream, const void *bytes, size_t n)
{
	loop_until(accepts(upstream));
	assert_arrives(bytes, n);
	finish_both();
	assert_says(upstream == OWN ? " upstream=app" : " upstream=named");
	assert_says(" reason=eof");
}

/* ---- the upstreams of the routes ---- */

START_TEST(a_hello_goes_whole_to_the_server_of_its_name)
{
	turn();
	begin(kind_of(_i));
	send_bytes(hello, n_hello);
	assert_goes_to(NAMED, hello, n_hello);
	assert_says(" sni=a.test");
}
END_TEST

START_TEST(a_hello_byte_by_byte_is_the_same)
{
	turn();
	begin(kind_of(_i));
	for (size_t i = 0; i < n_hello; i++) {
		ck_assert_int_eq(session()->stage, SESSION_PREFACE);
		send_bytes(hello + i, 1);
		loop_settle();
	}
	assert_goes_to(NAMED, hello, n_hello);
}
END_TEST

START_TEST(the_first_byte_says_that_it_is_no_tls)
{
	turn();
	begin(kind_of(_i));
	loop_settle();
	ck_assert_int_eq(session()->stage, SESSION_PREFACE);
	send_bytes("G", 1);
	assert_goes_to(OWN, "G", 1);
	assert_silent(" sni=");
}
END_TEST

START_TEST(nobody_waits_where_the_address_decides)
{
	static struct prefix elsewhere[] = {{.bytes = {10}, .bits = 8}};
	static const struct conf_prefixes strangers = {.prefixes = elsewhere, .n = 1};

	route.from = &strangers;
	turn();
	begin(kind_of(_i));
	loop_until(accepts(OWN));
	finish_both();
	assert_says(" upstream=app");
}
END_TEST

START_TEST(whom_no_route_takes_is_refused)
{
	static char other[] = "other.test";

	sni[0] = _i < KINDS ? other : a_test;
	next_listeners[0].upstream = NULL;
	turn();
	begin(kind_of(_i % KINDS));
	if (_i < KINDS) {
		send_bytes(hello, n_hello);
	} else {
		send_bytes("plain", 5);
	}
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=no_route");
	assert_says(" upstream=\"\"");
	if (_i < KINDS) {
		assert_says(" sni=a.test");
	}
}
END_TEST

START_TEST(a_half_hello_ends_at_its_time_and_its_upstream_is_not_known)
{
	next_listeners[0].timeouts.preface_ns = ms(50);
	turn();
	begin(kind_of(_i));
	send_bytes(hello, n_hello - 1);
	vtime_pass(ms(50) - 1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	vtime_pass(1);
	until_ended();
	assert_says(" reason=preface");
	assert_says(" timer=preface");
	assert_says(" upstream=\"\"");
	assert_says(" late_us=0");
}
END_TEST

START_TEST(a_header_without_a_hello_ends_at_its_time)
{
	static const struct conf_prefixes everybody = {.any = true};

	next_listeners[0].accept_proxy = &everybody;
	next_listeners[0].timeouts.preface_ns = ms(50);
	turn();
	begin(kind_of(_i));
	send_bytes("PROXY UNKNOWN\r\n", 15);
	vtime_pass(ms(50));
	until_ended();
	assert_says(" reason=preface");
	assert_says(" error=\"ClientHello: nothing has come\"");
}
END_TEST

START_TEST(a_wrong_hello_is_told_with_its_bytes)
{
	turn();
	begin(kind_of(_i));
	send_bytes("\x16\3\1\0\2\2\0", 7);
	until_ended();
	assert_says(" reason=bad_preface");
	assert_says(" error=\"ClientHello: the first message is not a ClientHello\"");
	assert_says(" first_bytes=\"\\x16\\x03\\x01\\x00\\x02\\x02\\x00\"");
}
END_TEST

START_TEST(a_client_in_its_preface_keeps_its_routes)
{
	turn();
	begin(kind_of(_i));
	send_bytes(hello, 20);
	loop_settle();
	route.upstream = &upstreams[OWN];
	turn();
	send_bytes(hello + 20, n_hello - 20);
	assert_goes_to(NAMED, hello, n_hello);
}
END_TEST

START_TEST(a_name_is_kept_for_who_hashes_it_and_for_who_is_told)
{
	route.n_sni = 0;
	route.upstream = &upstreams[OWN];
	upstreams[OWN].balance = BALANCE_HASH;
	upstreams[OWN].hash_on = HASH_ON_SNI;
	next_listeners[0].n_routes = (size_t)_i / KINDS;
	turn();
	begin(kind_of(_i % KINDS));
	send_bytes(hello, n_hello);
	loop_until(accepts(OWN));
	ck_assert_uint_eq(session()->edge->name.n, 6);
	ck_assert_mem_eq(session()->edge->name.bytes, "a.test", 6);
	ck_assert_uint_eq(session()->edge->protocol.n, 2);
	ck_assert_mem_eq(session()->edge->protocol.bytes, "h2", 2);
	assert_goes_to(OWN, hello, n_hello);
	assert_says(" sni=a.test");
}
END_TEST

/* ---- faults ---- */

/**
 * Opens a session and sends its hello in two pieces. Returns when the session relays, or when it is
 * over.
 */
static void live(const struct session_opts *opts)
{
	send_bytes(hello, 20);
	fault_resume();
	session_open(opts);
	loop_until(house.proxy.part.n_sessions == 0 || session()->stage == SESSION_PREFACE);
	loop_settle();
	fault_suspend();
	(void)send(client.fd, hello + 20, n_hello - 20, MSG_NOSIGNAL);
	fault_resume();
	loop_until(house.proxy.part.n_sessions == 0 || session()->stage == SESSION_RELAYING);
	fault_suspend();
}

START_TEST(what_fails_ends_its_session_alone)
{
	uint64_t *rate;
	bool met = true;

	log_set_level(LOG_LEVEL_ERROR);
	turn();
	/* With this rate one byte of a UNIX client passes at once, and weir keeps the others. */
	rate = &house_terms(&house, 0)->offer->bytes_a_second[SIDE_CLIENT];
	*rate = _i < KINDS ? 0 : 1;
	for (unsigned n = 1; met; n++) {
		struct session_opts opts = house_client(&house, 0, kind_of(_i % KINDS), &client);

		ck_assert_uint_lt(n, 200);
		fault_only(FAULT_MEMORY | FAULT_BYTES);
		fault_suspend();
		fault_arm(n);
		live(&opts);
		met = fault_disarm();
		if (accepts(NAMED)) {
			ck_assert(met || house.proxy.part.n_sessions == 1);
			close(server_fd);
			server_fd = -1;
		}
		side_close(&client);
		loop_until(house.proxy.part.n_sessions == 0);
	}
	*rate = 0; /* the last session has no rate */
	log_set_level(LOG_LEVEL_DEBUG);
	begin(kind_of(_i % KINDS));
	send_bytes(hello, n_hello);
	assert_goes_to(NAMED, hello, n_hello);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_route");
	TCase *tc = tcase_create("session_route");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_hello_goes_whole_to_the_server_of_its_name, 0, KINDS);
	tcase_add_loop_test(tc, a_hello_byte_by_byte_is_the_same, 0, KINDS);
	tcase_add_loop_test(tc, the_first_byte_says_that_it_is_no_tls, 0, KINDS);
	tcase_add_loop_test(tc, nobody_waits_where_the_address_decides, 0, KINDS);
	tcase_add_loop_test(tc, whom_no_route_takes_is_refused, 0, 2 * KINDS);
	tcase_add_loop_test(
		tc, a_half_hello_ends_at_its_time_and_its_upstream_is_not_known, 0, KINDS);
	tcase_add_loop_test(tc, a_header_without_a_hello_ends_at_its_time, 0, KINDS);
	tcase_add_loop_test(tc, a_wrong_hello_is_told_with_its_bytes, 0, KINDS);
	tcase_add_loop_test(tc, a_client_in_its_preface_keeps_its_routes, 0, KINDS);
	tcase_add_loop_test(tc, a_name_is_kept_for_who_hashes_it_and_for_who_is_told, 0, 2 * KINDS);
	tcase_add_loop_test(tc, what_fails_ends_its_session_alone, 0, 2 * KINDS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
