/* SPDX-License-Identifier: ISC */
/* What SRV records yield: targets, priorities, weights; in virtual time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discover_rig.h"
#include "fault.h"
#include "fixture.h"
#include "log/log.h"
#include "memory_file.h"
#include "suite.h"

/* ---- SRV ---- */

START_TEST(priorities_make_backups_and_weights_keep_their_proportions)
{
	say("a.test", DNS_A, "60 10.0.0.1");
	say("b.test", DNS_A, "60 10.0.0.2");
	say("c.test", DNS_A, "60 10.0.0.3");
	begin_srv("60 SRV 1 10 81 a.test; 60 SRV 1 30 82 b.test; 60 SRV 2 7 83 c.test");
	ck_assert_str_eq(found, "10.0.0.1:81 10.0.0.2:82*3 10.0.0.3:83b");
	ck_assert_uint_eq(n_found, 1); /* all servers in one call */
}
END_TEST

struct weighed {
	unsigned a;
	unsigned b;
	unsigned c;
	const char *found;
};

static const struct weighed weighed[] = {
	{0, 0, 0, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"},
	{0, 1, 3, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80*3"},
	{100, 200, 300, "10.0.0.1:80 10.0.0.2:80*2 10.0.0.3:80*3"},
	{65535, 65535, 65535, "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80"},
	{1, 32768, 65535, "10.0.0.1:80 10.0.0.2:80*128 10.0.0.3:80*256"},
	{0, 65535, 0, "10.0.0.1:80 10.0.0.2:80*256 10.0.0.3:80"},
};

START_TEST(a_weight_is_1_to_256)
{
	char text[128];

	(void)sprintf(text, "60 SRV 0 %u 80 a.test; 60 SRV 0 %u 80 b.test; 60 SRV 0 %u 80 c.test",
		weighed[_i].a, weighed[_i].b, weighed[_i].c);
	say("a.test", DNS_A, "60 10.0.0.1");
	say("b.test", DNS_A, "60 10.0.0.2");
	say("c.test", DNS_A, "60 10.0.0.3");
	begin_srv(text);
	ck_assert_str_eq(found, weighed[_i].found);
}
END_TEST

START_TEST(the_addresses_of_a_target_share_its_weight)
{
	say("a.test", DNS_A, "60 10.0.0.1; 60 10.0.0.2");
	say("a.test", DNS_AAAA, "60 fd00::1");
	say("b.test", DNS_A, "60 10.0.0.3; 60 10.0.0.4");
	begin_srv("60 SRV 0 1 80 a.test; 60 SRV 0 1 80 b.test");
	ck_assert_str_eq(
		found, "10.0.0.1:80*2 10.0.0.2:80*2 10.0.0.3:80*3 10.0.0.4:80*3 [fd00::1]:80*2");
}
END_TEST

START_TEST(one_target_may_have_many_ports_and_one_server_many_records)
{
	say("a.test", DNS_A, "60 10.0.0.1");
	say("b.test", DNS_A, "60 10.0.0.1");
	begin_srv("60 SRV 2 1 80 b.test; 60 SRV 1 1 80 a.test; 60 SRV 1 1 81 a.test");
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.1:81");
	ck_assert_uint_eq(asked("a.test", DNS_A), 1);
}
END_TEST

START_TEST(the_srv_records_have_a_ttl_of_their_own)
{
	say("a.test", DNS_A, "100 10.0.0.1");
	say("a.test", DNS_AAAA, "NODATA; 100 SOA");
	say("b.test", DNS_A, "100 10.0.0.2");
	begin_srv("5 SRV 0 0 80 a.test");
	say(name_srv, DNS_SRV, "5 SRV 0 0 80 b.test");
	vtime_pass(5 * S - 1);
	ck_assert_str_eq(found, "10.0.0.1:80");
	vtime_pass(1);
	ck_assert_str_eq(found, "10.0.0.2:80");
	ck_assert_uint_eq(asked("a.test", DNS_A), 1);
}
END_TEST

START_TEST(a_target_that_hangs_delays_the_others_by_a_moment_only)
{
	say("a.test", DNS_A, "HANG");
	say("a.test", DNS_AAAA, "HANG");
	say("b.test", DNS_A, "60 10.0.0.2");
	begin_srv("60 SRV 0 1 80 a.test; 60 SRV 0 1 80 b.test");
	vtime_pass(DISCOVER_SETTLE_NS);
	ck_assert_str_eq(found, "10.0.0.2:80");
	say_now("a.test", DNS_A, "60 10.0.0.1");
	vtime_pass(DISCOVER_SETTLE_NS);
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.2:80");
}
END_TEST

START_TEST(a_new_target_that_fails_takes_no_server_away)
{
	say("a.test", DNS_A, "600 10.0.0.1");
	say("b.test", DNS_A, "FAIL");
	begin_srv("5 SRV 0 0 80 a.test");
	say(name_srv, DNS_SRV, "5 SRV 0 0 80 b.test");
	pass_slowly(60 * S);
	ck_assert_str_eq(found, "10.0.0.1:80");
	say("b.test", DNS_A, "60 10.0.0.2");
	vtime_pass(2 * S);
	ck_assert_str_eq(found, "10.0.0.2:80");
}
END_TEST

START_TEST(a_service_that_is_not_there_is_empty)
{
	static const char *const empty[] = {
		"1 SRV 0 0 0 .", "NXDOMAIN; 1 SOA", "NODATA; 1 SOA", "1 SRV 0 0 0 a.test"};

	say("a.test", DNS_A, "600 10.0.0.1");
	begin_srv("5 SRV 0 0 80 a.test");
	say(name_srv, DNS_SRV, empty[_i]);
	pass_slowly(34 * S);
	ck_assert_str_eq(found, "10.0.0.1:80");
	pass_slowly(2 * S);
	ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(no_more_targets_are_asked_for_than_there_may_be_servers)
{
	conf.max_servers = 2;
	say("a.test", DNS_A, "600 10.0.0.1");
	say("z.test", DNS_A, "600 10.0.0.2");
	say("z.test", DNS_AAAA, "NODATA; 600 SOA");
	begin_srv("5 SRV 0 0 80 z.test");
	say(name_srv, DNS_SRV,
		"5 SRV 0 0 80 a.test; 5 SRV 0 0 80 b.test; 5 SRV 0 0 80 c.test; 5 SRV 0 0 80 "
		"z.test");
	vtime_pass(5 * S);
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.2:80");
	ck_assert_uint_eq(asked("b.test", DNS_A), 0);
	ck_assert_uint_eq(asked("z.test", DNS_A), 1); /* a known target is kept */
}
END_TEST

/* The same records in two orders. */
static const char *const cut_answers[] = {
	"60 SRV 2 0 80 a.test; 60 SRV 1 0 80 c.test; 60 SRV 1 0 80 d.test; 60 SRV 1 0 80 b.test",
	"60 SRV 1 0 80 d.test; 60 SRV 1 0 80 b.test; 60 SRV 2 0 80 a.test; 60 SRV 1 0 80 c.test",
};

START_TEST(a_cut_leaves_out_backups_first_whatever_the_order_of_the_answer)
{
	conf.max_servers = 2;
	say("a.test", DNS_A, "60 10.0.0.1");
	say("b.test", DNS_A, "60 10.0.0.2");
	say("c.test", DNS_A, "60 10.0.0.3");
	say("d.test", DNS_A, "60 10.0.0.4");
	begin_srv(cut_answers[_i]);
	ck_assert_str_eq(found, "10.0.0.2:80 10.0.0.3:80");
}
END_TEST

START_TEST(a_cut_of_addresses_leaves_out_backups_first)
{
	conf.max_servers = 2;
	say("a.test", DNS_A, "60 10.0.0.1; 60 10.0.0.2");
	say("b.test", DNS_A, "60 10.0.0.3; 60 10.0.0.4");
	begin_srv("60 SRV 2 0 80 a.test; 60 SRV 1 0 80 b.test");
	ck_assert_str_eq(found, "10.0.0.3:80 10.0.0.4:80");
}
END_TEST

/* ---- hostile answers ---- */

/* SRV records of the target x: as many as 64 KiB hold. Its addresses: all that are used. */
enum { HOSTILE_RECORDS = 3119, HOSTILE_ADDRESSES = 2 * DISCOVER_OF_TARGET_MAX };

static char hostile_srv[HOSTILE_RECORDS * 24];
static char hostile_v4[DISCOVER_OF_TARGET_MAX * 16];
static char hostile_v6[DISCOVER_OF_TARGET_MAX * 16];
static size_t n_most; /* the most elements of one array */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	n_most = n > n_most ? n : n_most;
	return fault_strikes("calloc", FAULT_MEMORY, ENOMEM) ? NULL : __real_calloc(n, size);
}

/** Each record has another port: 1, 2, and so on, or the other way round. Only the last port has
 * priority 0. */
static void say_hostile(bool is_reversed)
{
	char *srv = hostile_srv;
	char *v4 = hostile_v4;
	char *v6 = hostile_v6;

	for (int i = 1; i <= HOSTILE_RECORDS; i++) {
		int port = is_reversed ? HOSTILE_RECORDS + 1 - i : i;

		srv += sprintf(srv, "5 SRV %d 0 %d x;", port == HOSTILE_RECORDS ? 0 : 1, port);
	}
	for (int i = 0; i < DISCOVER_OF_TARGET_MAX; i++) {
		v4 += sprintf(v4, "5 10.0.0.%d;", i);
		v6 += sprintf(v6, "5 fd00::%x;", i);
	}
	say("x", DNS_A, hostile_v4);
	say("x", DNS_AAAA, hostile_v6);
	say(name_srv, DNS_SRV, hostile_srv);
}

static size_t count_found(const char *part)
{
	size_t n = 0;

	for (const char *at = found; (at = strstr(at, part)) != NULL; at++) {
		n++;
	}
	return n;
}

static int log_begin_test(void)
{
	int memory = memory_open();

	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert_int_eq(log_open(memory), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	return memory;
}

/** Checks that the log says this somewhere. */
static void log_end_test(int memory, const char *expected)
{
	char *text;

	ck_assert(log_close(NS_NEVER));
	text = memory_close(memory);
	ck_assert_msg(strstr(text, expected) != NULL, "%s", text);
	free(text);
}

START_TEST(not_every_address_of_every_record_is_a_candidate)
{
	int memory = log_begin_test();
	char expected[128];

	say_hostile(_i != 0);
	begin_srv(hostile_srv);
	ck_assert_uint_eq(n_found, 1);
	ck_assert_uint_eq(count_found(":3119"), 256); /* the main servers, in IPv4 first */
	ck_assert_ptr_nonnull(strstr(found, "10.0.0.255:3119"));
	ck_assert_uint_eq(count_found(" "), 255);
	ck_assert_uint_le(n_most, 65536 + 1);
	(void)sprintf(expected, " servers=256 added=256 removed=0 left_out=%d ",
		HOSTILE_RECORDS * HOSTILE_ADDRESSES - 256);
	log_end_test(memory, expected);
}
END_TEST

START_TEST(what_is_a_server_already_is_not_left_out)
{
	int memory = log_begin_test();

	conf.max_servers = 2;
	say("a.test", DNS_A, "60 10.0.0.1; 60 10.0.0.2");
	say("b.test", DNS_A, "60 10.0.0.2; 60 10.0.0.1");
	begin_srv("60 SRV 1 0 80 a.test; 60 SRV 2 0 80 b.test; 60 SRV 3 0 80 b.test");
	ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.2:80");
	log_end_test(memory, " servers=2 added=2 removed=0\n");
}
END_TEST

/* ---- faults ---- */

START_TEST(whatever_fails_servers_are_found_in_the_end)
{
	bool met = true;

	conf.kind = DISCOVER_SRV;
	conf.name = name_srv;
	conf.port = 0;
	say(name_srv, DNS_SRV, "60 SRV 0 0 80 a.test; 60 SRV 0 0 81 b.test");
	say("a.test", DNS_A, "60 10.0.0.1; 60 10.0.0.3");
	say("b.test", DNS_A, "60 10.0.0.2");
	for (unsigned n = 1; met; n++) {
		(void)strcpy(found, "?");
		fault_only(FAULT_MEMORY);
		fault_arm(n);
		discovery = discovery_open(&discover_opts);
		if (discovery != NULL) {
			loop_settle();
			for (int i = 0; i < 4; i++) {
				vtime_pass(2 * S);
			}
			ck_assert_str_eq(found, "10.0.0.1:80 10.0.0.2:81*2 10.0.0.3:80");
		}
		met = fault_disarm();
		discovery = discovery_close(discovery);
	}
}
END_TEST

static Suite *discover_srv_suite(void)
{
	Suite *suite = suite_create("discover_srv");
	TCase *tc = tcase_create("services");

	tcase_add_checked_fixture(tc, discover_set_up, discover_tear_down);
	tcase_add_test(tc, priorities_make_backups_and_weights_keep_their_proportions);
	tcase_add_loop_test(tc, a_weight_is_1_to_256, 0, sizeof(weighed) / sizeof(weighed[0]));
	tcase_add_test(tc, the_addresses_of_a_target_share_its_weight);
	tcase_add_test(tc, one_target_may_have_many_ports_and_one_server_many_records);
	tcase_add_test(tc, the_srv_records_have_a_ttl_of_their_own);
	tcase_add_test(tc, a_target_that_hangs_delays_the_others_by_a_moment_only);
	tcase_add_test(tc, a_new_target_that_fails_takes_no_server_away);
	tcase_add_loop_test(tc, a_service_that_is_not_there_is_empty, 0, 4);
	tcase_add_test(tc, no_more_targets_are_asked_for_than_there_may_be_servers);
	tcase_add_loop_test(
		tc, a_cut_leaves_out_backups_first_whatever_the_order_of_the_answer, 0, 2);
	tcase_add_test(tc, a_cut_of_addresses_leaves_out_backups_first);
	tcase_add_loop_test(tc, not_every_address_of_every_record_is_a_candidate, 0, 2);
	tcase_add_test(tc, what_is_a_server_already_is_not_left_out);
	tcase_add_test(tc, whatever_fails_servers_are_found_in_the_end);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(discover_srv_suite());
}
