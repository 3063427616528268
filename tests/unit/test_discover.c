/* SPDX-License-Identifier: ISC */
/* Which servers a name yields, and when weir asks DNS again; in virtual time. */
#include "upstream/discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discover_rig.h"
#include "fixture.h"
#include "log/log.h"
#include "memory_file.h"
#include "suite.h"

/* ---- addresses ---- */

START_TEST(all_addresses_of_both_families_are_servers)
{
	say("www.test", DNS_A, "60 10.0.0.2; 60 10.0.0.1; 60 10.0.0.2");
	say("www.test", DNS_AAAA, "60 fd00::1; 60 ::ffff:10.0.0.1");
	begin();
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.2:80 [fd00::1]:80");
	ck_assert_uint_eq(n_found, 1);
}
END_TEST

START_TEST(a_name_is_asked_for_anew_when_its_ttl_is_over)
{
	say("www.test", DNS_A, "10 10.0.0.1");
	say("www.test", DNS_AAAA, "NODATA; 60 SOA");
	begin();
	say("www.test", DNS_A, "10 10.0.0.2");
	vtime_pass(10 * S - 1);
	ck_assert_uint_eq(asked("www.test", DNS_A), 1);
	ck_assert_str_eq(found, "10.0.0.1:80");
	vtime_pass(1);
	ck_assert_uint_eq(asked("www.test", DNS_A), 2);
	ck_assert_str_eq(found, "10.0.0.2:80");
	ck_assert_uint_eq(n_found, 2);
	vtime_pass(10 * S);
	ck_assert_uint_eq(asked("www.test", DNS_A), 3);
	ck_assert_uint_eq(asked("www.test", DNS_AAAA), 1); /* AAAA records have their own TTL */
	ck_assert_uint_eq(n_found, 2);                     /* no change, so no call */
}
END_TEST

struct ttl {
	const char *text;
	uint64_t ttl_ns;
};

static const struct ttl ttls[] = {
	{"0 10.0.0.1", S},
	{"1 10.0.0.1", S},
	{"300 10.0.0.1", 300 * S},
	{"301 10.0.0.1", 300 * S},
	{"2147483647 10.0.0.1", 300 * S},
	{"2147483648 10.0.0.1", S},
	{"2 CNAME b.test; 60 10.0.0.1", 2 * S},
};

START_TEST(a_ttl_is_kept_within_its_bounds)
{
	say("www.test", DNS_A, ttls[_i].text);
	say("www.test", DNS_AAAA, "HANG");
	begin();
	vtime_pass(ttls[_i].ttl_ns - 1);
	ck_assert_uint_eq(asked("www.test", DNS_A), 1);
	vtime_pass(1);
	ck_assert_uint_eq(asked("www.test", DNS_A), 2);
}
END_TEST

START_TEST(a_family_that_hangs_delays_the_other_by_a_moment_only)
{
	say("www.test", DNS_A, "10 10.0.0.1");
	say("www.test", DNS_AAAA, "HANG");
	begin();
	vtime_pass(DISCOVER_SETTLE_NS);
	ck_assert_str_eq(found, "10.0.0.1:80");
	say_now("www.test", DNS_AAAA, "60 fd00::1");
	ck_assert_str_eq(found, "10.0.0.1:80 [fd00::1]:80");
	say("www.test", DNS_AAAA, "HANG");
	say("www.test", DNS_A, "10 10.0.0.2");
	vtime_pass(60 * S);
	vtime_pass(DISCOVER_SETTLE_NS);
	ck_assert_str_eq(found, "10.0.0.2:80 [fd00::1]:80");
}
END_TEST

START_TEST(a_family_whose_lookup_failed_keeps_its_servers)
{
	say("www.test", DNS_A, "10 10.0.0.1");
	say("www.test", DNS_AAAA, "10 fd00::1");
	begin();
	say("www.test", DNS_A, "10 10.0.0.2");
	say("www.test", DNS_AAAA, "FAIL");
	vtime_pass(10 * S);
	ck_assert_str_eq(found, "10.0.0.2:80 [fd00::1]:80");
	say("www.test", DNS_A, "NODATA");
	vtime_pass(10 * S);
	ck_assert_str_eq(found, "[fd00::1]:80");
}
END_TEST

START_TEST(after_a_failure_the_next_lookup_begins_within_two_seconds)
{
	say("www.test", DNS_A, "FAIL");
	say("www.test", DNS_AAAA, "FAIL");
	begin();
	ck_assert_uint_eq(n_found, 0);
	for (unsigned i = 2; i < 10; i++) {
		vtime_pass(2 * S - NS_PER_MS);
		ck_assert_uint_eq(asked("www.test", DNS_A), i);
	}
	say("www.test", DNS_A, "60 10.0.0.1");
	vtime_pass(2 * S - NS_PER_MS);
	ck_assert_str_eq(found, "10.0.0.1:80");
}
END_TEST

START_TEST(nothing_is_removed_for_failures)
{
	say("www.test", DNS_A, "10 10.0.0.1");
	say("www.test", DNS_AAAA, _i == 0 ? "NODATA; 600 SOA" : "FAIL");
	begin();
	vtime_pass(DISCOVER_SETTLE_NS);
	say("www.test", DNS_A, _i == 0 ? "FAIL" : "NXDOMAIN");
	pass_slowly(100 * S);
	ck_assert_str_eq(found, "10.0.0.1:80");
	ck_assert_uint_eq(n_found, 1);
}
END_TEST

/* ---- empty ---- */

START_TEST(an_empty_answer_takes_servers_away_when_it_has_held)
{
	say("www.test", DNS_A, "10 10.0.0.1");
	say("www.test", DNS_AAAA, "NODATA; 10 SOA");
	begin();
	say("www.test", DNS_A, "NXDOMAIN; 10 SOA");
	vtime_pass(10 * S);
	ck_assert_uint_eq(n_found, 1);
	pass_slowly(29 * S);
	vtime_pass(S - 1);
	ck_assert_str_eq(found, "10.0.0.1:80");
	vtime_pass(1); /* DNS is asked once more, at that moment */
	ck_assert_str_eq(found, "");
	ck_assert_uint_eq(n_found, 2);
	say("www.test", DNS_A, "10 10.0.0.2");
	vtime_pass(10 * S);
	ck_assert_str_eq(found, "10.0.0.2:80");
}
END_TEST

START_TEST(an_address_in_between_lets_hold_begin_anew)
{
	say("www.test", DNS_A, "1 10.0.0.1");
	say("www.test", DNS_AAAA, "NODATA; 1 SOA");
	begin();
	say("www.test", DNS_A, "NODATA; 1 SOA");
	pass_slowly(25 * S);
	say("www.test", DNS_A, "1 10.0.0.1");
	pass_slowly(2 * S);
	say("www.test", DNS_A, "NODATA; 1 SOA");
	pass_slowly(28 * S);
	ck_assert_uint_eq(n_found, 1);
	pass_slowly(4 * S);
	ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(a_failure_in_between_changes_nothing)
{
	say("www.test", DNS_A, "1 10.0.0.1");
	say("www.test", DNS_AAAA, "NODATA; 1 SOA");
	begin();
	say("www.test", DNS_A, "NODATA; 1 SOA");
	pass_slowly(5 * S);
	say("www.test", DNS_A, "FAIL");
	pass_slowly(100 * S); /* a failure removes nothing, however long it lasts */
	ck_assert_uint_eq(n_found, 1);
	say("www.test", DNS_A, "NODATA; 1 SOA");
	vtime_pass(2 * S);
	ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(hold_may_be_nothing_or_have_no_end)
{
	conf.hold_ns = _i == 0 ? 0 : NS_NEVER;
	say("www.test", DNS_A, "1 10.0.0.1");
	say("www.test", DNS_AAAA, "NODATA; 1 SOA");
	begin();
	say("www.test", DNS_A, "NODATA; 1 SOA");
	vtime_pass(S);
	ck_assert_str_eq(found, _i == 0 ? "" : "10.0.0.1:80");
	pass_slowly(100 * S);
	ck_assert_str_eq(found, _i == 0 ? "" : "10.0.0.1:80");
}
END_TEST

START_TEST(a_first_answer_that_is_empty_is_told_at_once)
{
	begin();
	ck_assert_uint_eq(n_found, 1);
	ck_assert_str_eq(found, "");
	pass_slowly(40 * S);
	ck_assert_uint_eq(n_found, 1);
}
END_TEST

/* ---- hostile ---- */

START_TEST(a_larger_answer_is_cut_and_what_is_in_force_stays)
{
	conf.max_servers = 3;
	say("www.test", DNS_A, "1 10.0.0.9; 1 10.0.0.8");
	say("www.test", DNS_AAAA, "NODATA; 600 SOA");
	begin();
	ck_assert_str_eq(found, "10.0.0.8:80 10.0.0.9:80");
	say("www.test", DNS_A, "1 10.0.0.5; 1 10.0.0.4; 1 10.0.0.9; 1 10.0.0.3; 1 10.0.0.8");
	vtime_pass(S);
	ck_assert_str_eq(found, "10.0.0.3:80 10.0.0.8:80 10.0.0.9:80");
	say("www.test", DNS_A, "1 10.0.0.1; 1 10.0.0.2; 1 10.0.0.3; 1 10.0.0.4; 1 10.0.0.8");
	vtime_pass(S);
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.3:80 10.0.0.8:80");
}
END_TEST

START_TEST(a_thousand_addresses_are_cut)
{
	char *text = malloc(32000);
	size_t len = 0;

	for (int i = 0; i < 1000; i++) {
		len += (size_t)sprintf(text + len, "60 10.0.%d.%d;", i / 250, i % 250 + 1);
	}
	say("www.test", DNS_A, text);
	begin();
	ck_assert_uint_eq(strlen(found) > 0, 1);
	for (len = 0; strchr(found + len, ' ') != NULL;) {
		len = (size_t)(strchr(found + len, ' ') - found) + 1;
	}
	ck_assert_str_eq(found + len, "10.0.1.6:80"); /* the 256th address */
	free(text);
}
END_TEST

START_TEST(what_is_no_hosts_address_is_passed_over)
{
	say("www.test", DNS_A,
		"60 0.0.0.0; 60 255.255.255.255; 60 224.0.0.1; 60 239.1.1.1; 60 10.0.0.1");
	say("www.test", DNS_AAAA, "60 ::; 60 ff02::1; 60 ::ffff:0.0.0.0; 60 fd00::1");
	begin();
	ck_assert_str_eq(found, "10.0.0.1:80 [fd00::1]:80");
}
END_TEST

/* ---- changes from outside ---- */

START_TEST(other_servers_are_asked_at_once)
{
	say("www.test", DNS_A, "300 10.0.0.1");
	begin();
	say("www.test", DNS_A, "300 10.0.0.2");
	discovery_ask(discovery);
	vtime_pass(1);
	ck_assert_str_eq(found, "10.0.0.2:80");
}
END_TEST

START_TEST(another_config_keeps_what_was_found)
{
	struct conf_discovery other = conf;

	say("www.test", DNS_A, "300 10.0.0.1; 300 10.0.0.2");
	begin();
	discovery_set(discovery, &other);
	loop_settle();
	ck_assert_uint_eq(asked("www.test", DNS_A), 1);
	other.max_servers = 1;
	discovery_set(discovery, &other);
	ck_assert_uint_eq(n_found, 1);
	vtime_pass(1);
	ck_assert_str_eq(found, "10.0.0.1:80");
	ck_assert(discovery_is_for(discovery, &other));
	other.port = 81;
	ck_assert(!discovery_is_for(discovery, &other));
	other = conf;
	other.kind = DISCOVER_SRV;
	ck_assert(!discovery_is_for(discovery, &other));
}
END_TEST

START_TEST(without_memory_a_question_is_asked_later)
{
	refuse(true);
	say("www.test", DNS_A, "60 10.0.0.1");
	begin();
	refuse(false);
	ck_assert_uint_eq(n_found, 0);
	vtime_pass(2 * S);
	ck_assert_str_eq(found, "10.0.0.1:80");
}
END_TEST

/* ---- the log ---- */

START_TEST(a_change_is_one_line_and_so_is_a_failure)
{
	static const char *const lines[] = {
		"level=info event=discovered upstream=app name=www.test servers=1 added=1 "
		"removed=0",
		"level=warn event=discover_failed upstream=app name=www.test asked=www.test type=A "
		"error=\"no answer in time\" servers=1",
		"level=info event=discover_well upstream=app name=www.test servers=1",
		"level=warn event=discovered upstream=app name=www.test servers=1 added=1 "
		"removed=1 "
		"left_out=1 remedy=\"raise discovery.max_servers, or let the name have fewer "
		"addresses\"",
		"level=warn event=discover_empty upstream=app name=www.test servers=1 "
		"hold_ms=30000.000",
		"level=info event=discovered upstream=app name=www.test servers=0 added=0 "
		"removed=1",
	};
	int memory = memory_open();
	char *text;
	char *at;

	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	conf.max_servers = 1;
	say("www.test", DNS_A, "1 10.0.0.9");
	say("www.test", DNS_AAAA, "NODATA; 1 SOA");
	begin();
	say("www.test", DNS_A, "FAIL");
	pass_slowly(10 * S);
	say("www.test", DNS_A, "1 10.0.0.9");
	pass_slowly(3 * S);
	say("www.test", DNS_A, "1 10.0.0.1; 1 10.0.0.2");
	pass_slowly(3 * S);
	say("www.test", DNS_A, "NODATA; 1 SOA");
	pass_slowly(40 * S);
	ck_assert(log_close(NS_NEVER));
	text = memory_close(memory);
	at = text;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *end = strchr(at, '\n');

		ck_assert_ptr_nonnull(end);
		*end = '\0';
		ck_assert_str_eq(strstr(at, "level="), lines[i]);
		at = end + 1;
	}
	ck_assert_str_eq(at, "");
	free(text);
}
END_TEST

static Suite *discover_suite(void)
{
	Suite *suite = suite_create("discover");
	TCase *tc = tcase_create("a name");

	tcase_add_checked_fixture(tc, discover_set_up, discover_tear_down);
	tcase_add_test(tc, all_addresses_of_both_families_are_servers);
	tcase_add_test(tc, a_name_is_asked_for_anew_when_its_ttl_is_over);
	tcase_add_loop_test(tc, a_ttl_is_kept_within_its_bounds, 0, sizeof(ttls) / sizeof(ttls[0]));
	tcase_add_test(tc, a_family_that_hangs_delays_the_other_by_a_moment_only);
	tcase_add_test(tc, a_family_whose_lookup_failed_keeps_its_servers);
	tcase_add_test(tc, after_a_failure_the_next_lookup_begins_within_two_seconds);
	tcase_add_loop_test(tc, nothing_is_removed_for_failures, 0, 2);
	tcase_add_test(tc, an_empty_answer_takes_servers_away_when_it_has_held);
	tcase_add_test(tc, an_address_in_between_lets_hold_begin_anew);
	tcase_add_test(tc, a_failure_in_between_changes_nothing);
	tcase_add_loop_test(tc, hold_may_be_nothing_or_have_no_end, 0, 2);
	tcase_add_test(tc, a_first_answer_that_is_empty_is_told_at_once);
	tcase_add_test(tc, a_larger_answer_is_cut_and_what_is_in_force_stays);
	tcase_add_test(tc, a_thousand_addresses_are_cut);
	tcase_add_test(tc, what_is_no_hosts_address_is_passed_over);
	tcase_add_test(tc, other_servers_are_asked_at_once);
	tcase_add_test(tc, another_config_keeps_what_was_found);
	tcase_add_test(tc, without_memory_a_question_is_asked_later);
	tcase_add_test(tc, a_change_is_one_line_and_so_is_a_failure);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(discover_suite());
}
