/* SPDX-License-Identifier: ISC */
/*
 * Tests of which events of a session's life count as failures of its server, and which do not,
 * whether the client, the server or weir causes them. Another session has failed before, so a
 * session that reports nothing leaves the row of failures at one.
 */
#include <errno.h>
#include <uv.h>

#include "fault.h"
#include "lookup.h"
#include "proxy/offer.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "upstream/eject.h"
#include "vtime.h"

/** The row of failures if the session reports neither a failure nor an answer. */
enum { BEFORE = 1 };

static struct black_hole hole; /* a connect to it gets no answer */
static struct ejections ejections;

static void setup(void)
{
	session_rig_setup();
	vtime_freeze();
	black_hole_open(&hole);
	ck_assert_int_eq(ejections_open(&ejections, &house.shared.groups, test_loop), 0);
	house.upstream.eject = (struct conf_eject){.on = true,
		.failures = 100,
		.within_ns = NS_PER_S,
		.for_ns = NS_PER_S,
		.at_most = 100};
}

static void teardown(void)
{
	black_hole_close(&hole);
	ejections_close(&ejections);
	session_rig_teardown();
}

static struct group_plan *plan(void)
{
	return house_terms(&house, 0)->offer->fallback->plan;
}

/** Returns how many failures in a row the server has. */
static unsigned row(void)
{
	return atomic_load(&plan()->members[0]->server->streak.n);
}

/** Reports a failure, as another session would. */
static void tell_failure(void)
{
	group_told(plan()->group, plan()->members[0], SERVER_FAILED, -ECONNREFUSED);
}

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

/** Begins a session whose only server has this address. */
static void begin_with(const char *address)
{
	house_add_server(&house, address);
	tell_failure();
	begin(WIRE_TCP);
}

static struct conf_timeouts *timeouts(void)
{
	return &house_terms(&house, 0)->rules.timeouts;
}

/** Begins a session that stays in connecting. */
static void begin_and_connect(void)
{
	begin_with(hole.server.address);
	loop_until(session()->stage == SESSION_CONNECTING);
	loop_settle(); /* the attempt begins in the same turn, but later */
}

/** Begins a session whose server is connected. */
static void begin_and_relay(void)
{
	begin_with(server.address);
	loop_until(server.n_accepted == 1 && session()->stage == SESSION_RELAYING);
}

/** The session must end, and then the row must have `n` failures. */
static void assert_row_at_end(unsigned n)
{
	while (house.proxy.part.n_sessions > 0) {
		vtime_pass(ms(1)); /* the timer looks at the kernel */
	}
	ck_assert_uint_eq(row(), n);
	until_ended();
}

/* ---- ends that count ---- */

START_TEST(a_connect_that_is_refused_counts)
{
	char refused[64];

	house_refused_address(&house, refused);
	begin_with(refused);
	assert_row_at_end(2);
	assert_says(" reason=connect_failed");
}
END_TEST

START_TEST(a_connect_that_times_out_counts)
{
	timeouts()->connect_ns = ms(80);
	begin_and_connect();
	vtime_pass(ms(80) + 1);
	assert_row_at_end(2);
	assert_says(" reason=connect_timeout");
}
END_TEST

START_TEST(a_reset_of_the_server_counts_when_nothing_has_moved)
{
	begin_and_relay();
	side_reset(&server.side);
	assert_row_at_end(2);
	assert_says(" by=upstream");
	assert_says(" reason=reset");
}
END_TEST

/** A FIN is not a byte. */
START_TEST(a_reset_of_the_server_counts_when_the_client_has_only_finished)
{
	begin_and_relay();
	side_finish(&client);
	loop_until(server.side.in.ended);
	side_reset(&server.side);
	assert_row_at_end(2);
	assert_says(" by=upstream");
	assert_says(" reason=reset");
}
END_TEST

/* ---- an answer ---- */

START_TEST(the_servers_first_byte_begins_anew_at_that_moment)
{
	begin_and_relay();
	side_send(&server.side, 1);
	loop_until(client.in.n_received == 1);
	ck_assert_uint_eq(row(), 0);
	tell_failure();
	side_send(&server.side, 1); /* only the first byte begins a new row */
	loop_until(client.in.n_received == 2);
	ck_assert_uint_eq(row(), 1);
	side_reset(&server.side); /* after its first byte */
	assert_row_at_end(1);
	assert_says(" by=upstream");
}
END_TEST

START_TEST(the_servers_fin_begins_anew_at_that_moment)
{
	begin_and_relay();
	side_finish(&server.side);
	loop_until(client.in.ended);
	ck_assert_uint_eq(row(), 0);
	side_finish(&client);
	assert_row_at_end(0);
	assert_says(" reason=eof");
}
END_TEST

/* ---- ends that a client can cause ---- */

START_TEST(a_client_that_resets_while_its_server_is_connected_to_tells_nothing)
{
	begin_and_connect();
	side_reset(&client);
	assert_row_at_end(BEFORE);
	assert_says(" by=client");
}
END_TEST

START_TEST(a_client_that_resets_at_once_tells_nothing)
{
	begin_with(server.address);
	side_reset(&client);
	assert_row_at_end(BEFORE);
	assert_says(" by=client");
}
END_TEST

START_TEST(a_client_that_resets_its_pair_tells_nothing)
{
	begin_and_relay();
	side_reset(&client);
	assert_row_at_end(BEFORE);
	assert_says(" by=client");
}
END_TEST

START_TEST(a_server_that_resets_for_what_the_client_sent_is_not_to_blame)
{
	begin_and_relay();
	side_send(&client, 1);
	loop_until(server.side.in.n_received == 1);
	side_reset(&server.side);
	assert_row_at_end(BEFORE);
	assert_says(" by=upstream");
	assert_says(" reason=reset");
}
END_TEST

/* ---- ends that weir causes ---- */

START_TEST(a_connect_that_lifetime_cuts_off_tells_nothing)
{
	timeouts()->lifetime_ns = ms(80);
	begin_and_connect();
	vtime_pass(ms(80));
	assert_row_at_end(BEFORE);
	assert_says(" reason=lifetime");
}
END_TEST

START_TEST(a_connect_that_a_drain_cuts_off_tells_nothing)
{
	begin_and_connect();
	drain_until_now();
	assert_row_at_end(BEFORE);
	assert_says(" reason=drain");
}
END_TEST

START_TEST(a_pair_that_idle_ends_tells_nothing)
{
	timeouts()->idle_ns = ms(80);
	begin_and_relay();
	vtime_pass(ms(80));
	assert_row_at_end(BEFORE);
	assert_says(" reason=idle");
}
END_TEST

/** Failures because weir, or the machine, is short of something. */
static const struct {
	const char *call;
	int err;
	unsigned nth;
} shortages[] = {
	{"socket", EMFILE, 1},
	{"socket", ENFILE, 1},
	{"socket", ENOBUFS, 1},
	{"connect", EADDRNOTAVAIL, 1},
	{"connect", ENOBUFS, 1},
	{"epoll_ctl", ENOSPC, 2},
};

START_TEST(what_weir_is_short_of_tells_nothing)
{
	house_add_server(&house, server.address);
	tell_failure();
	fault_only_call(shortages[_i].call);
	fault_set_errno(shortages[_i].err);
	fault_arm(shortages[_i].nth);
	begin(WIRE_TCP);
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	assert_row_at_end(BEFORE);
	assert_says(" reason=limit");
}
END_TEST

START_TEST(a_name_without_an_address_tells_nothing_of_its_server)
{
	lookup_script();
	begin_with("name.invalid:80");
	loop_until(lookup_is_open("name.invalid"));
	lookup_answer("name.invalid", UV_EAI_NONAME, NULL);
	assert_row_at_end(BEFORE);
	assert_says(" reason=connect_failed");
	lookup_unscript();
}
END_TEST

START_TEST(a_lookup_that_hangs_tells_nothing_of_its_server)
{
	lookup_script();
	timeouts()->connect_ns = ms(80);
	begin_with("name.example:80");
	loop_until(lookup_is_open("name.example"));
	vtime_pass(ms(80) + 1);
	assert_row_at_end(BEFORE);
	assert_says(" reason=connect_timeout");
	lookup_answer("name.example", UV_EAI_NONAME, NULL);
	lookup_unscript();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_eject");
	TCase *tc = tcase_create("told");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_connect_that_is_refused_counts);
	tcase_add_test(tc, a_connect_that_times_out_counts);
	tcase_add_test(tc, a_reset_of_the_server_counts_when_nothing_has_moved);
	tcase_add_test(tc, a_reset_of_the_server_counts_when_the_client_has_only_finished);
	tcase_add_test(tc, the_servers_first_byte_begins_anew_at_that_moment);
	tcase_add_test(tc, the_servers_fin_begins_anew_at_that_moment);
	tcase_add_test(tc, a_client_that_resets_while_its_server_is_connected_to_tells_nothing);
	tcase_add_test(tc, a_client_that_resets_at_once_tells_nothing);
	tcase_add_test(tc, a_client_that_resets_its_pair_tells_nothing);
	tcase_add_test(tc, a_server_that_resets_for_what_the_client_sent_is_not_to_blame);
	tcase_add_test(tc, a_connect_that_lifetime_cuts_off_tells_nothing);
	tcase_add_test(tc, a_connect_that_a_drain_cuts_off_tells_nothing);
	tcase_add_test(tc, a_pair_that_idle_ends_tells_nothing);
	tcase_add_loop_test(tc, what_weir_is_short_of_tells_nothing, 0,
		sizeof(shortages) / sizeof(shortages[0]));
	tcase_add_test(tc, a_name_without_an_address_tells_nothing_of_its_server);
	tcase_add_test(tc, a_lookup_that_hangs_tells_nothing_of_its_server);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
