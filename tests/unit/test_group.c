/* SPDX-License-Identifier: ISC */
/* Which server is next, when, and what of a group outlives a config. */
#include "upstream/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "fault.h"
#include "fixture.h"
#include "stream/resolver.h"
#include "suite.h"

enum { SERVERS_MAX = 3 };

static struct resolver *resolver;
static struct groups groups;
static char app[] = "app";
static struct conf_server servers[SERVERS_MAX];
static struct conf_upstream conf;

static void name_server(size_t i, const char *address)
{
	const char *why;

	memset(&servers[i], 0, sizeof(servers[i]));
	ck_assert_int_eq(addr_parse(address, &servers[i].addr, &why), 0);
	(void)snprintf(servers[i].text, sizeof(servers[i].text), "%s", address);
}

static void set_up(void)
{
	fixture_setup();
	resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(resolver);
	groups_init(&groups, resolver);
	name_server(0, "127.0.0.1:1");
	name_server(1, "127.0.0.1:2");
	name_server(2, "name.example:3");
	conf = (struct conf_upstream){.name = app,
		.servers = servers,
		.n_servers = SERVERS_MAX,
		.retry_for_ns = NS_NEVER};
}

static void tear_down(void)
{
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.table.n, 0);
	ck_assert(list_empty(&groups.failures.all));
	resolver_free(resolver);
	fixture_teardown();
}

static struct group_set *make(void)
{
	struct group_set *set = group_set_new(&groups, &conf);

	ck_assert_ptr_nonnull(set);
	return set;
}

/* ---- choosing ---- */

START_TEST(servers_come_in_the_order_of_the_config_and_each_once)
{
	struct group_set *set = make();
	struct group_tried tried = {0};

	for (size_t i = 0; i < SERVERS_MAX; i++) {
		ck_assert_str_eq(group_next(set, &tried)->text, servers[i].text);
	}
	ck_assert_ptr_null(group_next(set, &tried));
	ck_assert_ptr_null(group_next(set, &tried)); /* and it stays so */
	tried = (struct group_tried){0};
	ck_assert_str_eq(group_next(set, &tried)->text, servers[0].text);
	group_set_unref(set);
}
END_TEST

#define MS(n) ((uint64_t)(n)*NS_PER_MS)

START_TEST(waits_double_up_to_a_second_and_end_with_retry_for)
{
	static const uint64_t waits_ns[] = {
		MS(100), MS(200), MS(400), MS(800), MS(1000), MS(1000), MS(500)};
	struct group_set set = {.retry_for_ns = MS(4000)};
	uint64_t waited_ns = 0;
	unsigned n = 0;

	for (; n < sizeof(waits_ns) / sizeof(waits_ns[0]); n++) {
		uint64_t wait_ns = group_wait_ns(&set, n, waited_ns);

		ck_assert_uint_eq(wait_ns, waits_ns[n]);
		waited_ns += wait_ns;
	}
	ck_assert_uint_eq(waited_ns, MS(4000));
	ck_assert_uint_eq(group_wait_ns(&set, n, waited_ns), NS_NEVER);
}
END_TEST

START_TEST(without_retry_for_there_is_no_waiting)
{
	struct group_set set = {.retry_for_ns = NS_NEVER};

	ck_assert_uint_eq(group_wait_ns(&set, 0, 0), NS_NEVER);
}
END_TEST

START_TEST(many_retries_do_not_overflow)
{
	struct group_set set = {.retry_for_ns = NS_NEVER - 1};

	ck_assert_uint_eq(group_wait_ns(&set, UINT16_MAX, 0), MS(1000));
}
END_TEST

/* ---- what a set has, and what is common to all sets ---- */

START_TEST(a_set_is_a_copy)
{
	struct group_set *set;
	struct group_tried tried = {0};

	conf.socket.nodelay = true;
	conf.retry_for_ns = 7;
	set = make();
	memset(app, 'x', sizeof(app) - 1);
	memset(servers, 'x', sizeof(servers));
	ck_assert_str_eq(set->group->name, "app");
	ck_assert_str_eq(set->group->failures.upstream, "app");
	ck_assert_str_eq(group_next(set, &tried)->text, "127.0.0.1:1");
	ck_assert(set->socket.nodelay);
	ck_assert_uint_eq(set->retry_for_ns, 7);
	ck_assert_ptr_null(group_set_unref(group_set_ref(set)));
	ck_assert_ptr_null(group_set_unref(set));
}
END_TEST

START_TEST(a_config_that_keeps_the_names_keeps_what_is_known)
{
	struct group_set *set = make();
	struct group_set *next;
	struct resolver_name *name;

	group_told(set->servers[1], -ECONNREFUSED);
	group_told(set->servers[1], 0);
	for (unsigned i = 0; i < FAILURES_WARNED; i++) {
		ck_assert(failures_count(&set->group->failures));
	}
	/* In another order, one address gone and one new, and with other options. */
	name_server(0, "127.0.0.1:2");
	name_server(1, "127.0.0.1:4");
	conf.n_servers = 2;
	conf.retry_for_ns = 7;
	next = make();
	ck_assert_ptr_eq(next->group, set->group);
	ck_assert_ptr_eq(next->servers[0], set->servers[1]);
	ck_assert_ptr_null(set->servers[0]->name);
	name = resolver_name_get(resolver, "name.example");
	ck_assert_ptr_eq(set->servers[2]->name, name);
	(void)resolver_name_unref(name);
	ck_assert_ptr_ne(next->servers[1], set->servers[0]);
	ck_assert_uint_eq(set->retry_for_ns, NS_NEVER);
	group_set_unref(set);
	ck_assert_uint_eq(next->servers[0]->n_failed, 1);
	ck_assert_uint_eq(next->servers[1]->n_failed, 0);
	ck_assert(!failures_count(&next->group->failures)); /* enough were warnings */
	group_set_unref(next);
}
END_TEST

START_TEST(a_server_belongs_to_its_group)
{
	static char other[] = "other";
	struct group_set *set = make();
	struct group_set *next;

	conf.name = other;
	next = make();
	ck_assert_ptr_ne(next->group, set->group);
	ck_assert_ptr_ne(next->servers[0], set->servers[0]);
	group_set_unref(set);
	group_set_unref(next);
}
END_TEST

START_TEST(an_address_that_is_written_twice_is_one_server)
{
	struct group_tried tried = {0};
	struct group_set *set;

	name_server(1, "127.0.0.1:1");
	set = make();
	ck_assert_ptr_eq(group_next(set, &tried), group_next(set, &tried));
	group_set_unref(set);
}
END_TEST

START_TEST(what_nobody_holds_any_more_begins_anew)
{
	struct group_set *set = make();

	group_told(set->servers[0], -ECONNREFUSED);
	group_set_unref(set);
	set = make();
	ck_assert_uint_eq(set->servers[0]->n_failed, 0);
	group_set_unref(set);
}
END_TEST

START_TEST(a_set_that_cannot_be_made_leaves_nothing)
{
	bool failed = true;

	fault_only_call("calloc");
	fault_set_errno(ENOMEM);
	for (unsigned n = 1; failed; n++) {
		struct group_set *set;

		fault_arm(n);
		set = group_set_new(&groups, &conf);
		failed = fault_disarm();
		ck_assert_int_eq(failed, set == NULL);
		group_set_unref(set);
		ck_assert_uint_eq(groups.names.table.n + groups.servers.table.n, 0);
		ck_assert_uint_lt(n, 50);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group");
	TCase *tc = tcase_create("group");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, servers_come_in_the_order_of_the_config_and_each_once);
	tcase_add_test(tc, waits_double_up_to_a_second_and_end_with_retry_for);
	tcase_add_test(tc, without_retry_for_there_is_no_waiting);
	tcase_add_test(tc, many_retries_do_not_overflow);
	tcase_add_test(tc, a_set_is_a_copy);
	tcase_add_test(tc, a_config_that_keeps_the_names_keeps_what_is_known);
	tcase_add_test(tc, a_server_belongs_to_its_group);
	tcase_add_test(tc, an_address_that_is_written_twice_is_one_server);
	tcase_add_test(tc, what_nobody_holds_any_more_begins_anew);
	tcase_add_test(tc, a_set_that_cannot_be_made_leaves_nothing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
