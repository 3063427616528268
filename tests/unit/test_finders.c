/* SPDX-License-Identifier: ISC */
/* Servers that DNS finds join a group, also when the config changes. */
#include "upstream/finders.h"

#include <string.h>

#include "discover_rig.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"
#include "upstream/group.h"

static struct groups groups;
static struct finders finders;
static char name[] = "app";
static char written_text[] = "10.0.0.1:80";
static struct conf_server written;
static struct conf_upstream upstream;
static struct conf whole;
static unsigned n_renewed;

static void on_renewed(void *owner, struct group *group)
{
	ck_assert_ptr_eq(owner, &groups);
	ck_assert_str_eq(group->name, "app");
	n_renewed++;
}

static void set_up(void)
{
	const char *why;

	discover_set_up();
	ck_assert_int_eq(groups_init(&groups, NULL, 1), 0);
	finders_open(&finders, test_loop);
	finders.renewed = on_renewed;
	finders.owner = &groups;
	n_renewed = 0;
	conf.max_pairs = 5;
	whole = (struct conf){.upstreams = &upstream, .n_upstreams = 1};
	whole.resolver.timeout_ns = S;
	whole.resolver.tries = 2;
	upstream = (struct conf_upstream){.name = name,
		.balance = BALANCE_FIRST,
		.slow_start_ns = NS_NEVER,
		.discovery = conf};
	written = (struct conf_server){.name = "a", .weight = 7, .max_pairs = 3};
	(void)strcpy(written.text, written_text);
	ck_assert_int_eq(addr_parse(written_text, &written.addr, &why), 0);
}

/** Puts the config into force, as a reload does. */
static struct group *follow(void)
{
	struct group *group = group_get(&groups, name);
	struct group_plan *plan = group_plan_new(&groups.servers, group, &upstream);

	if (group->plan == NULL) {
		ck_assert_int_eq(group_install(group, plan), 0);
	}
	finders_begin(&finders, &whole);
	finders_follow(&finders, plan, &upstream);
	finders_end(&finders);
	group_plan_unref(plan);
	return group;
}

static void tear_down(void)
{
	finders_close(&finders);
	groups_fini(&groups);
	discover_tear_down();
}

/** The server for a session that has tried none, or why there is none. */
static const char *next(struct group *group)
{
	static char text[ADDR_TEXT_MAX];
	struct group_tried tried = {0};
	struct group_ask ask = {.tried = &tried};
	struct member *member;

	switch (group_next(group, &ask, &member)) {
	case GROUP_SERVER:
		(void)strcpy(text, member->text);
		group_left(group, member);
		member_unref(member);
		return text;
	case GROUP_FULL:
		return "wait";
	case GROUP_NONE:
		return "none";
	default:
		return "?";
	}
}

START_TEST(who_asks_waits_for_the_first_answer)
{
	struct group *group;

	say("www.test", DNS_A, "HANG");
	say("www.test", DNS_AAAA, "HANG");
	group = follow();
	loop_settle();
	ck_assert_str_eq(next(group), "wait");
	say_now("www.test", DNS_A, "1 10.0.0.9");
	vtime_pass(DISCOVER_SETTLE_NS);
	ck_assert_str_eq(next(group), "10.0.0.9:80");
	ck_assert_uint_eq(n_renewed, 1);
	ck_assert_uint_eq(group->plan->members[0]->max_pairs, 5);
	ck_assert_uint_eq(group->plan->members[0]->server->max_pairs, 5);
	ck_assert_str_eq(group->plan->members[0]->name, "10.0.0.9:80");
	group_unref(group);
}
END_TEST

START_TEST(who_waits_is_told_that_there_is_none_when_the_upstream_is_gone)
{
	struct group *group;

	say("www.test", DNS_A, "HANG");
	say("www.test", DNS_AAAA, "HANG");
	group = follow();
	loop_settle();
	ck_assert_str_eq(next(group), "wait");
	finders_begin(&finders, &whole);
	finders_end(&finders);
	ck_assert_str_eq(next(group), "none");
	group_unref(group);
}
END_TEST

START_TEST(who_asks_is_told_that_there_is_none)
{
	struct group *group = follow();

	loop_settle();
	ck_assert_str_eq(next(group), "none");
	group_unref(group);
}
END_TEST

START_TEST(a_found_address_that_is_written_is_the_written_one)
{
	struct group *group;

	upstream.servers = &written;
	upstream.n_servers = 1;
	say("www.test", DNS_A, "60 10.0.0.1; 60 10.0.0.2");
	group = follow();
	ck_assert_str_eq(next(group), "10.0.0.1:80"); /* a written server needs no DNS */
	loop_settle();
	ck_assert_uint_eq(group->plan->n_members, 2);
	ck_assert_str_eq(group->plan->members[0]->name, "a");
	ck_assert_uint_eq(group->plan->members[0]->weight, 7);
	ck_assert_uint_eq(group->plan->members[0]->server->max_pairs, 3);
	ck_assert_str_eq(group->plan->members[1]->name, "10.0.0.2:80");
	group_unref(group);
}
END_TEST

START_TEST(another_config_keeps_what_was_found)
{
	struct group *group;
	uint64_t id;

	say("www.test", DNS_A, "60 10.0.0.2");
	group = follow();
	loop_settle();
	id = group->plan->members[0]->server->id;
	upstream.discovery.max_pairs = 9;
	group_unref(follow());
	ck_assert_str_eq(next(group), "10.0.0.2:80");
	ck_assert_uint_eq(group->plan->members[0]->server->id, id);
	ck_assert_uint_eq(group->plan->members[0]->server->max_pairs, 9);
	ck_assert_uint_eq(asked("www.test", DNS_A), 1);

	upstream.discovery.port = 81; /* another discovery, so sessions wait again */
	group_unref(follow());
	ck_assert_str_eq(next(group), "wait");
	loop_settle();
	vtime_pass(1);
	ck_assert_str_eq(next(group), "10.0.0.2:81");
	group_unref(group);
}
END_TEST

START_TEST(another_resolver_is_asked_at_once)
{
	struct group *group;

	say("www.test", DNS_A, "300 10.0.0.1");
	group = follow();
	loop_settle();
	ck_assert_str_eq(next(group), "10.0.0.1:80");
	say("www.test", DNS_A, "300 10.0.0.2");
	whole.resolver.tries = 3;
	group_unref(follow());
	vtime_pass(1);
	ck_assert_str_eq(next(group), "10.0.0.2:80");
	ck_assert_uint_eq(asked("www.test", DNS_A), 2);
	group_unref(group);
}
END_TEST

START_TEST(a_group_that_is_gone_is_looked_for_no_more)
{
	say("www.test", DNS_A, "1 10.0.0.1");
	group_unref(follow());
	loop_settle();
	ck_assert_ptr_nonnull(finders.dns);
	finders_begin(&finders, &whole);
	finders_end(&finders);
	ck_assert_ptr_null(finders.dns); /* it is closed, and no fd is left */
	vtime_pass(2 * S);
	ck_assert_uint_eq(asked("www.test", DNS_A), 1);
}
END_TEST

START_TEST(whatever_fails_servers_are_found_in_the_end)
{
	struct group *group = group_get(&groups, name);
	struct group_plan *plan = group_plan_new(&groups.servers, group, &upstream);
	bool met = true;

	ck_assert_int_eq(group_install(group, plan), 0);
	say("www.test", DNS_A, "1 10.0.0.1");
	for (unsigned n = 1; met; n++) {
		bool followed;

		fault_arm(n);
		finders_begin(&finders, &whole);
		finders_follow(&finders, plan, &upstream);
		finders_end(&finders);
		followed = group->finder != NULL;
		loop_settle();
		for (int i = 0; i < 3; i++) {
			groups_tick(&groups);
			finders_tick(&finders);
			vtime_pass(2 * S);
		}
		ck_assert_str_eq(next(group), followed ? "10.0.0.1:80" : "wait");
		met = fault_disarm();
		finders_begin(&finders, &whole);
		finders_end(&finders);
		ck_assert_int_eq(group_install(group, plan), 0);
	}
	group_plan_unref(plan);
	group_unref(group);
}
END_TEST

static Suite *finders_suite(void)
{
	Suite *suite = suite_create("finders");
	TCase *tc = tcase_create("groups");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, who_asks_waits_for_the_first_answer);
	tcase_add_test(tc, who_waits_is_told_that_there_is_none_when_the_upstream_is_gone);
	tcase_add_test(tc, who_asks_is_told_that_there_is_none);
	tcase_add_test(tc, a_found_address_that_is_written_is_the_written_one);
	tcase_add_test(tc, another_config_keeps_what_was_found);
	tcase_add_test(tc, another_resolver_is_asked_at_once);
	tcase_add_test(tc, a_group_that_is_gone_is_looked_for_no_more);
	tcase_add_test(tc, whatever_fails_servers_are_found_in_the_end);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(finders_suite());
}
