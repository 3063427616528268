/* SPDX-License-Identifier: ISC */
/*
 * Tests of the stage PREFACE of a session: headers that are wrong, cut off or late, and calls that
 * fail.
 */
#include <string.h>
#include <sys/socket.h>

#include "fault.h"
#include "log/log.h"
#include "preface_rig.h"
#include "suite.h"
#include "vtime.h"

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
	assert_says(" error=\"PROXY header: the first bytes are not those of a PROXY header\"");
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
	bytes[14] = 0x10; /* the length is 4096 or more */
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
	send_bytes(V1, 20); /* the time runs from accept on, whatever arrives */
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
	begin(kind_of(_i % KINDS));
	loop_settle();
	vtime_advance(ms(6000));
	send_bytes(V1, strlen(V1));
	if (_i / KINDS == 0) {
		/* The timer strikes before the loop has seen the bytes. */
		session_setup_strike(session());
	}
	loop_until(session()->stage == SESSION_RELAYING);
	finish_both();
	assert_says(" reason=eof");
}
END_TEST

START_TEST(after_such_a_header_the_other_timers_go_on)
{
	struct black_hole hole;

	black_hole_open(&hole);
	house_clear_servers(&house);
	house_add_server(&house, hole.server.address);
	timeouts()->preface_ns = ms(5000);
	timeouts()->connect_ns = ms(60000);
	timeouts()->lifetime_ns = ms(9000);
	begin(kind_of(_i));
	loop_settle();
	vtime_advance(ms(6000));
	send_bytes(V1, strlen(V1));
	/* The timer strikes before the loop has seen the bytes. */
	ck_assert_int_eq(timer_arm(&session()->clock.timer, NS_NEVER), 0);
	session()->clock.timer.strike(&session()->clock.timer);
	loop_settle();
	ck_assert_int_eq(session()->stage, SESSION_CONNECTING);
	vtime_pass(ms(3000));
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
	until_ended();
	assert_says(" timer=lifetime");
	black_hole_close(&hole);
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

/**
 * Opens a session and sends its header in two pieces, then 5 bytes. Returns when the server has
 * these, or when the session is over.
 */
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

/**
 * Closes the connection that the server has accepted. It may be that of the session before, which
 * arrived late. Returns whether no session is left.
 */
static bool is_over(void)
{
	side_close(&server.side);
	return house.proxy.part.n_sessions == 0;
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
		side_close(&client);
		loop_until(is_over());
		loop_settle();
		side_close(&server.side);
		server.side.in.n_received = 0;
	}
	log_set_level(LOG_LEVEL_DEBUG);
	begin(kind_of(_i));
	side_finish(&client);
	until_ended();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preface_ends");
	TCase *tc = tcase_create("preface_ends");

	tcase_add_checked_fixture(tc, preface_rig_setup, session_rig_teardown);
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
	tcase_add_loop_test(tc, a_header_that_came_while_weir_was_late_counts, 0, 2 * KINDS);
	tcase_add_loop_test(tc, after_such_a_header_the_other_timers_go_on, 0, KINDS);
	tcase_add_loop_test(tc, after_the_header_the_timer_is_off, 0, KINDS);
	tcase_add_loop_test(tc, another_timeout_is_in_force_at_once, 0, KINDS);
	tcase_add_loop_test(tc, lifetime_and_drain_end_it_too, 0, 2 * KINDS);
	tcase_add_loop_test(tc, what_fails_ends_its_session_alone, 0, KINDS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
