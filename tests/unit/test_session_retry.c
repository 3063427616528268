/* SPDX-License-Identifier: ISC */
/* Tests of retry_for: a session waits for an upstream that is starting. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "proxy/offer.h"
#include "session_rig.h"
#include "suite.h"

/** Returns whether the only session waits to try its servers again, or has ended. */
static bool is_waiting(void)
{
	const struct session *session =
		container_of(house.proxy.part.sessions.next, struct session, link);

	return house.proxy.part.n_sessions == 0 || session->stage == SESSION_WAITING;
}

/** Begins a session whose only server refuses connects. Returns when it waits. */
static void begin_and_wait(enum wire_kind kind)
{
	char refused[64];

	house_refused_address(&house, refused);
	house_add_server(&house, refused);
	house.upstream.retry_for_ns = (uint64_t)1000 * NS_PER_S;
	begin(kind);
	loop_until(is_waiting());
}

START_TEST(a_server_that_starts_late_gets_what_the_client_sent_early)
{
	begin_and_wait(WIRE_TCP);
	side_send(&client, 300);
	house_clear_servers(&house);
	house_add_server(&house, server.address);
	loop_until(server.side.in.n_received == 300);
	side_finish(&client);
	side_finish(&server.side);
	until_ended();
	assert_says(" reason=eof");
	assert_says(" retries=1");
	assert_says(" tried=\"127.0.0.1:");
}
END_TEST

START_TEST(new_timeouts_leave_a_wait_alone)
{
	begin_and_wait(WIRE_TCP);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	house_terms(&house, 0)->rules.timeouts.connect_ns = (uint64_t)7 * NS_PER_S;
	session_apply_timeouts(container_of(house.proxy.part.sessions.next, struct session, link));
	house_clear_servers(&house);
	house_add_server(&house, server.address);
	side_send(&client, 300);
	loop_until(server.side.in.n_received == 300);
	side_finish(&client);
	side_finish(&server.side);
	until_ended();
	assert_says(" reason=eof");
}
END_TEST

START_TEST(when_retry_for_is_over_the_client_is_reset)
{
	char refused[2][64];
	char expected[256];

	for (size_t i = 0; i < 2; i++) {
		house_refused_address(&house, refused[i]);
		house_add_server(&house, refused[i]);
	}
	house.upstream.retry_for_ns = (uint64_t)150 * NS_PER_MS;
	begin(WIRE_TCP);
	loop_until(side_saw_reset(&client));
	until_ended();
	(void)snprintf(expected, sizeof(expected),
		" tried=\"%s (Connection refused), %s (Connection refused)\"", refused[0],
		refused[1]);
	assert_says(expected); /* the line has the first try only, however many there were */
	assert_says(" by=upstream");
	assert_says(" reason=connect_failed");
	assert_says(" errno=ECONNREFUSED");
	ck_assert_ptr_nonnull(strstr(log_text, " retries="));
}
END_TEST

START_TEST(a_client_that_resets_while_waiting_ends_at_once)
{
	begin_and_wait(WIRE_TCP);
	side_reset(&client);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
}
END_TEST

START_TEST(a_unix_client_that_closes_while_waiting_has_finished)
{
	begin_and_wait(WIRE_UNIX);
	side_send(&client, 300);
	side_close(&client);
	house_clear_servers(&house);
	house_add_server(&house, server.address);
	loop_until(server.side.in.ended);
	ck_assert_uint_eq(server.side.in.n_received, 300);
	side_finish(&server.side);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=eof");
	assert_says(" client=unix:");
}
END_TEST

START_TEST(waiting_ends_with_the_drain)
{
	begin_and_wait(WIRE_TCP);
	drain_until_now();
	until_ended();
	assert_says(" reason=drain");
}
END_TEST

START_TEST(waiting_ends_with_the_lifetime)
{
	house_terms(&house, 0)->rules.timeouts.lifetime_ns = (uint64_t)20 * NS_PER_MS;
	begin_and_wait(WIRE_TCP);
	until_ended();
	assert_says(" reason=lifetime");
}
END_TEST

START_TEST(what_weir_is_short_of_is_not_waited_for)
{
	house_add_server(&house, server.address);
	house.upstream.retry_for_ns = (uint64_t)1000 * NS_PER_S;
	begin(WIRE_TCP);
	fault_set_errno(_i == 0 ? EADDRNOTAVAIL : ENOBUFS);
	fault_only_call("connect");
	fault_arm(1);
	until_ended();
	ck_assert(fault_disarm());
	assert_says(" reason=limit");
	assert_silent(" retries=");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_retry");
	TCase *tc = tcase_create("session_retry");

	tcase_add_checked_fixture(tc, session_rig_setup, session_rig_teardown);
	tcase_add_test(tc, a_server_that_starts_late_gets_what_the_client_sent_early);
	tcase_add_test(tc, new_timeouts_leave_a_wait_alone);
	tcase_add_test(tc, when_retry_for_is_over_the_client_is_reset);
	tcase_add_test(tc, a_client_that_resets_while_waiting_ends_at_once);
	tcase_add_test(tc, a_unix_client_that_closes_while_waiting_has_finished);
	tcase_add_test(tc, waiting_ends_with_the_drain);
	tcase_add_test(tc, waiting_ends_with_the_lifetime);
	tcase_add_loop_test(tc, what_weir_is_short_of_is_not_waited_for, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
