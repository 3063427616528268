/* SPDX-License-Identifier: ISC */
/* What a reload applies to open pairs, and to clients that no session has yet: timeouts, access. */
#include <stddef.h>

#include "generation_rig.h"
#include "proxy/generation.h"
#include "proxy/limits.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "suite.h"

START_TEST(timeouts_apply_to_open_pairs_only_on_demand)
{
	next_listeners[0].timeouts.idle_ns = 1;
	next_listeners[1].timeouts.idle_ns = 1;
	begin(0);
	generation_unref(turn()); /* this config does not ask for it */
	ck_assert_uint_eq(session()->clock.rules->timeouts.idle_ns, NS_NEVER);
	next_conf.apply = CONF_APPLY_TIMEOUTS;
	generation_unref(turn());
	ck_assert_uint_eq(session()->clock.rules->timeouts.idle_ns, 1);
	ck_assert_ptr_ne(session()->terms->offer, house.shared.generation->offers[0]);
	loop_until(house.proxy.part.n_sessions == 0);
}
END_TEST

/** Another worker that has not switched yet may still pass a connection with these terms. */
START_TEST(timeouts_apply_to_terms_that_nobody_uses_yet)
{
	struct generation *before;

	next_conf.apply = CONF_APPLY_TIMEOUTS;
	next_listeners[0].timeouts.idle_ns = 1;
	before = turn();
	ck_assert_uint_eq(before->offers[0]->terms[0].rules.timeouts.idle_ns, 1);
	ck_assert_uint_eq(before->offers[1]->terms[0].rules.timeouts.idle_ns, NS_NEVER);
	generation_unref(before);
}
END_TEST

START_TEST(timeouts_of_a_name_that_went_stay)
{
	static char other[] = "other";

	next_conf.apply = CONF_APPLY_TIMEOUTS;
	next_listeners[0].name = other;
	next_listeners[0].timeouts.idle_ns = 1;
	next_listeners[1].timeouts.lifetime_ns = (uint64_t)3600 * NS_PER_S;
	begin(0);
	generation_unref(turn());
	ck_assert_uint_eq(session()->clock.rules->timeouts.idle_ns, NS_NEVER);
	ck_assert_uint_eq(session()->clock.rules->timeouts.lifetime_ns, NS_NEVER);
	end();
}
END_TEST

static uint64_t counted_denied(void)
{
	return counted(offsetof(struct tally, n_ended[END_BY_WEIR][END_ACCESS]));
}

START_TEST(a_reload_ends_the_pairs_that_it_denies_only_on_demand)
{
	next_listeners[0].deny = &anybody;
	begin(0);
	generation_unref(turn()); /* this config does not ask for it */
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	next_conf.apply = CONF_APPLY_TIMEOUTS;
	generation_unref(turn());
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	next_conf.apply = CONF_APPLY_ACCESS;
	generation_unref(turn());
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
	ck_assert_uint_eq(counted_denied(), 1);
}
END_TEST

START_TEST(a_reload_leaves_pairs_that_it_does_not_deny)
{
	static char other[] = "other";

	next_conf.apply = CONF_APPLY_ACCESS;
	next_listeners[0].allow = &anybody;
	next_listeners[0].deny = &nobody;
	next_listeners[1].allow = &nobody; /* another listener's list does not matter */
	begin(0);
	generation_unref(turn());
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	next_listeners[0].name = other; /* the session's own listener is gone */
	next_listeners[0].allow = &nobody;
	generation_unref(turn());
	ck_assert_int_eq(session()->stage, SESSION_RELAYING);
	end();
}
END_TEST

START_TEST(a_client_that_still_connects_is_reset_by_a_reload_that_denies_it)
{
	next_conf.apply = CONF_APPLY_ACCESS;
	next_listeners[0].allow = &nobody;
	server_block(&server);
	house_clear_servers(&house);
	house_add_server(&house, "192.0.2.1:9"); /* RFC 5737: no answer, or no route */
	house.upstream.retry_for_ns = (uint64_t)3600 * NS_PER_S;
	house_session(&house, 0, WIRE_TCP, &client);
	generation_unref(turn());
	ck_assert_uint_eq(house.proxy.part.n_sessions, 0);
	ck_assert_uint_eq(counted_denied(), 1);
	ck_assert(side_is_hung_up(&client));
}
END_TEST

/** As with timeouts, another worker that has not switched yet may still pass a connection. */
START_TEST(access_applies_to_terms_that_nobody_uses_yet)
{
	struct generation *before;

	next_listeners[0].deny = &anybody;
	before = turn();
	ck_assert_ptr_null(before->offers[0]->terms[0].access.deny);
	generation_unref(before);
	next_conf.apply = CONF_APPLY_ACCESS;
	next_listeners[0].deny = &nobody;
	before = turn();
	ck_assert_ptr_eq(before->offers[0]->terms[0].access.deny,
		house.shared.generation->offers[0]->access.deny);
	generation_unref(before);
}
END_TEST

START_TEST(a_connect_timeout_applies_to_the_attempt_under_way)
{
	next_conf.apply = CONF_APPLY_TIMEOUTS;
	next_listeners[0].timeouts.connect_ns = (uint64_t)10 * NS_PER_MS;
	server_block(&server);
	house_clear_servers(&house);
	house_add_server(&house, "192.0.2.1:9"); /* RFC 5737: no answer, or no route */
	house_session(&house, 0, WIRE_TCP, &client);
	generation_unref(turn());
	loop_until(house.proxy.part.n_sessions == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("apply");
	TCase *tc = tcase_create("apply");

	tcase_add_checked_fixture(tc, generation_rig_open, generation_rig_close);
	tcase_add_test(tc, timeouts_apply_to_open_pairs_only_on_demand);
	tcase_add_test(tc, timeouts_apply_to_terms_that_nobody_uses_yet);
	tcase_add_test(tc, timeouts_of_a_name_that_went_stay);
	tcase_add_test(tc, a_reload_ends_the_pairs_that_it_denies_only_on_demand);
	tcase_add_test(tc, a_reload_leaves_pairs_that_it_does_not_deny);
	tcase_add_test(tc, a_client_that_still_connects_is_reset_by_a_reload_that_denies_it);
	tcase_add_test(tc, access_applies_to_terms_that_nobody_uses_yet);
	tcase_add_test(tc, a_connect_timeout_applies_to_the_attempt_under_way);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
