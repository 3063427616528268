/* SPDX-License-Identifier: ISC */
/*
 * Tests of a session that waits for a full server, in virtual time. The test takes and gives the
 * places.
 */
#include <string.h>

#include "proxy/offer.h"
#include "session_rig.h"
#include "strike.h"
#include "suite.h"
#include "upstream/group.h"
#include "vtime.h"

static struct group *group;

static void setup(void)
{
	session_rig_setup();
	vtime_freeze();
	group = house_terms(&house, 0)->offer->fallback->group;
	house.upstream.queue_max = 1;
	house.upstream.retry_for_ns = NS_NEVER;
}

static struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

static struct conf_timeouts *timeouts(void)
{
	return &house_terms(&house, 0)->rules.timeouts;
}

static struct member *member(size_t i)
{
	return group->plan->members[i];
}

/** Adds a server with one place, which is taken. */
static void add_full_server(const char *address)
{
	size_t i = house.upstream.n_servers;

	house.servers[i].max_pairs = 1;
	house_add_server(&house, address);
	ck_assert(server_take(member(i)->server));
}

static void begin_and_queue(void)
{
	begin(WIRE_TCP);
	ck_assert_int_eq(session()->stage, SESSION_QUEUED);
	ck_assert(!queue_is_empty(&group->queue));
}

START_TEST(it_relays_when_there_is_a_place_and_says_how_long_it_waited)
{
	add_full_server(server.address);
	begin_and_queue();
	side_send(&client, 300); /* these bytes stay in the kernel meanwhile */
	vtime_pass(ms(70));
	group_left(group, member(0));
	loop_until(server.side.in.n_received == 300);
	ck_assert(queue_is_empty(&group->queue));
	ck_assert_uint_eq(member(0)->server->n_open, 1);
	vtime_pass(ms(10));
	side_reset(&client);
	until_ended();
	assert_says(" queue_ms=70.000");
	assert_says(" connect_ms=70.000");
	assert_says(" duration_ms=80.000");
	ck_assert_uint_eq(member(0)->server->n_open, 0);
}
END_TEST

START_TEST(who_has_not_waited_does_not_say_so)
{
	house_add_server(&house, server.address);
	begin_and_exchange();
	side_reset(&client);
	until_ended();
	assert_silent(" queue_ms=");
}
END_TEST

START_TEST(it_ends_when_its_time_is_over_and_not_before)
{
	timeouts()->queue_ns = ms(5000);
	add_full_server(server.address);
	begin_and_queue();
	vtime_pass(ms(5000) - 1);
	ck_assert_int_eq(session()->stage, SESSION_QUEUED);
	vtime_pass(1);
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
	ck_assert(queue_is_empty(&group->queue));
	loop_until(side_saw_reset(&client));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=queue");
	assert_says(" timer=queue");
	assert_says(" late_us=0");
	assert_says(" queue_ms=5000.000");
	ck_assert_ptr_nonnull(strstr(log_text, "level=warn event=close"));
	ck_assert_uint_eq(member(0)->server->n_open, 1); /* the place is the test's */
}
END_TEST

START_TEST(what_it_was_late_is_said)
{
	timeouts()->queue_ns = ms(50);
	add_full_server(server.address);
	begin_and_queue();
	vtime_pass(ms(50) + 7000);
	until_ended();
	assert_says(" timer=queue");
	assert_says(" late_us=7");
}
END_TEST

START_TEST(another_timeout_is_in_force_at_once)
{
	timeouts()->queue_ns = ms(5000);
	add_full_server(server.address);
	begin_and_queue();
	vtime_pass(ms(20));
	timeouts()->queue_ns = ms(80);
	session_apply_timeouts(session());
	vtime_pass(ms(60) - 1);
	ck_assert_int_eq(session()->stage, SESSION_QUEUED);
	vtime_pass(1);
	until_ended();
	assert_says(" timer=queue");
}
END_TEST

START_TEST(the_timeout_does_not_go_on_when_it_has_a_place)
{
	timeouts()->queue_ns = ms(50);
	add_full_server(server.address);
	begin_and_queue();
	vtime_pass(ms(49));
	group_left(group, member(0));
	loop_until(session()->stage == SESSION_RELAYING);
	vtime_pass(ms(100));
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	side_reset(&client);
	until_ended();
	assert_says(" reason=reset");
}
END_TEST

START_TEST(where_too_many_wait_it_is_reset_at_once)
{
	house.upstream.queue_max = 0;
	/* retry_for is for servers that are down, not for full ones. */
	house.upstream.retry_for_ns = ms(60000);
	add_full_server(server.address);
	house_session(&house, 0, WIRE_TCP, &client);
	side_receive(&client);
	loop_until(side_saw_reset(&client));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=queue_full");
	assert_says(" duration_ms=0.000");
	assert_silent(" queue_ms=");
	ck_assert_ptr_nonnull(strstr(log_text, "level=warn event=close"));
}
END_TEST

START_TEST(a_client_that_resets_leaves_the_queue_at_once)
{
	add_full_server(server.address);
	begin_and_queue();
	side_reset(&client);
	loop_until(house.proxy.part.n_sessions == 0);
	ck_assert(queue_is_empty(&group->queue));
	group_left(group, member(0));
	ck_assert_uint_eq(member(0)->server->n_open, 0);
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
}
END_TEST

START_TEST(a_client_that_has_finished_keeps_its_place)
{
	add_full_server(server.address);
	begin_and_queue();
	side_send(&client, 300);
	side_finish(&client);
	loop_settle();
	ck_assert_int_eq(session()->stage, SESSION_QUEUED);
	group_left(group, member(0));
	loop_until(server.side.in.ended);
	ck_assert_uint_eq(server.side.in.n_received, 300);
	side_close(&server.side);
	until_ended();
	assert_says(" reason=eof");
}
END_TEST

START_TEST(a_drain_gives_a_place_on_its_way_back)
{
	add_full_server(server.address);
	begin_and_queue();
	group_left(group, member(0));
	ck_assert_uint_eq(member(0)->server->n_open, 1);
	drain_until_now();
	/* The timer strikes before the posted call runs. */
	session()->clock.timer.strike(&session()->clock.timer);
	ck_assert_uint_eq(member(0)->server->n_open, 0);
	until_ended();
	assert_says(" reason=drain");
	ck_assert_uint_eq(server.n_accepted, 0);
}
END_TEST

START_TEST(without_a_usable_server_it_ends_at_once)
{
	add_full_server(server.address);
	begin_and_queue();
	member(0)->server->states.is_down = true;
	group_refresh(group);
	loop_until(side_saw_reset(&client));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=no_server");
}
END_TEST

START_TEST(with_retry_for_it_waits_for_a_server_to_come_up)
{
	house.upstream.retry_for_ns = ms(60000);
	add_full_server(server.address);
	begin_and_queue();
	vtime_pass(ms(30));
	member(0)->server->states.is_down = true;
	group_refresh(group);
	loop_until(session()->stage == SESSION_WAITING);
	member(0)->server->states.is_down = false;
	group_refresh(group);
	vtime_pass(ms(100));
	ck_assert_int_eq(session()->stage, SESSION_QUEUED); /* the server is still full */
	vtime_pass(ms(40));
	group_left(group, member(0));
	loop_until(session()->stage == SESSION_RELAYING);
	side_reset(&client);
	until_ended();
	assert_says(" retries=1");
	assert_says(" queue_ms=70.000"); /* the sum of both waits */
}
END_TEST

START_TEST(after_a_server_that_failed_it_waits_for_the_others)
{
	char refused[64];

	timeouts()->queue_ns = ms(50);
	house_refused_address(&house, refused);
	house_add_server(&house, refused);
	add_full_server(server.address);
	begin(WIRE_TCP);
	loop_until(session()->stage == SESSION_QUEUED);
	group_left(group, member(1));
	loop_until(session()->stage == SESSION_RELAYING);
	ck_assert_uint_eq(member(1)->server->n_open, 1);
	ck_assert_uint_eq(member(0)->server->n_open, 0);
	side_reset(&client);
	until_ended();
	ck_assert_ptr_nonnull(strstr(log_text, " tried=\"127.0.0.1:"));
}
END_TEST

START_TEST(a_connect_that_fails_gives_the_place_to_who_waits)
{
	char refused[64];

	house_refused_address(&house, refused);
	house.servers[0].max_pairs = 1;
	house_add_server(&house, refused);
	begin(WIRE_TCP); /* this session has the place until its connect fails */
	ck_assert_int_eq(session()->stage, SESSION_CONNECTING);
	until_ended();
	assert_says(" reason=connect_failed");
	ck_assert_uint_eq(member(0)->server->n_open, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_queue");
	TCase *tc = tcase_create("session_queue");

	tcase_add_checked_fixture(tc, setup, session_rig_teardown);
	tcase_add_test(tc, it_relays_when_there_is_a_place_and_says_how_long_it_waited);
	tcase_add_test(tc, who_has_not_waited_does_not_say_so);
	tcase_add_test(tc, it_ends_when_its_time_is_over_and_not_before);
	tcase_add_test(tc, what_it_was_late_is_said);
	tcase_add_test(tc, another_timeout_is_in_force_at_once);
	tcase_add_test(tc, the_timeout_does_not_go_on_when_it_has_a_place);
	tcase_add_test(tc, where_too_many_wait_it_is_reset_at_once);
	tcase_add_test(tc, a_client_that_resets_leaves_the_queue_at_once);
	tcase_add_test(tc, a_client_that_has_finished_keeps_its_place);
	tcase_add_test(tc, a_drain_gives_a_place_on_its_way_back);
	tcase_add_test(tc, without_a_usable_server_it_ends_at_once);
	tcase_add_test(tc, with_retry_for_it_waits_for_a_server_to_come_up);
	tcase_add_test(tc, after_a_server_that_failed_it_waits_for_the_others);
	tcase_add_test(tc, a_connect_that_fails_gives_the_place_to_who_waits);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
