/* SPDX-License-Identifier: ISC */
/* The checks of the servers of groups: what they change, also when the config changes. */
#include "upstream/checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/conf.h"
#include "connector_rig.h"
#include "fault.h"
#include "fixture.h"
#include "stream/resolver.h"
#include "suite.h"
#include "upstream/admin.h"
#include "upstream/check.h"
#include "upstream/group.h"
#include "upstream/set.h"

enum { SERVERS_MAX = 3 };

static struct groups groups;
static struct checks checks;
static char app[] = "app";
static char other[] = "other";
static struct conf_check check;
static struct conf_server servers[SERVERS_MAX];
static struct conf_upstream upstream;
static struct group *group; /* the group of the config in force */
static int listeners[SERVERS_MAX];
static unsigned n_to_end;

static void on_pairs_to_end(void *data)
{
	ck_assert_ptr_eq(data, &groups);
	n_to_end++;
}

static void add_server(size_t i, bool serves)
{
	struct addr addr = address_of(V4);

	memset(&servers[i], 0, sizeof(servers[i]));
	listeners[i] = serve(&addr, serves ? 64 : -1);
	servers[i].addr = addr;
	(void)addr_format(&addr.sa.any, addr.sa_len, servers[i].text);
	servers[i].weight = 1;
	servers[i].check = &check;
}

static void set_up(void)
{
	rig_setup();
	ck_assert_int_eq(groups_init(&groups, NULL, 1), 0);
	groups.end_pairs = on_pairs_to_end;
	groups.owner = &groups;
	check = (struct conf_check){
		.every_ns = 20 * NS_PER_MS,
		.every_down_ns = 20 * NS_PER_MS,
		.timeout_ns = NS_PER_S,
		.rise = 1,
		.fall = 1,
	};
	add_server(0, true);
	add_server(1, false);
	add_server(2, true);
	upstream = (struct conf_upstream){.name = app,
		.servers = servers,
		.n_servers = 2,
		.balance = BALANCE_FIRST,
		.retry_for_ns = NS_NEVER};
	checks_open(&checks, test_loop, NULL);
	atomic_store(&checks.fds, 8);
}

/** Puts the config, as it is now, into force. */
static void reload(void)
{
	struct group *before = group;
	struct group_plan *plan;

	group = group_get(&groups, upstream.name);
	ck_assert_ptr_nonnull(group);
	plan = group_plan_new(&groups.servers, group, &upstream);
	ck_assert_ptr_nonnull(plan);
	ck_assert_int_eq(group_install(group, plan), 0);
	checks_begin(&checks);
	checks_follow(&checks, group, &upstream);
	checks_end(&checks);
	group_plan_unref(plan);
	group_unref(before);
}

static void tear_down(void)
{
	checks_close(&checks);
	ck_assert_int_eq(atomic_load(&checks.fds), 8);
	group = group_unref(group);
	ck_assert_uint_eq(groups.names.table.n, 0);
	ck_assert_uint_eq(groups.servers.registry.table.n, 0);
	groups_fini(&groups);
	for (size_t i = 0; i < SERVERS_MAX; i++) {
		close(listeners[i]);
	}
	rig_teardown();
}

static struct server *server(size_t i)
{
	return group->plan->members[i]->server;
}

static bool is_down(size_t i)
{
	return server(i)->states.is_down;
}

static size_t n_usable(void)
{
	size_t n_all;
	size_t n;

	checks_count(&checks, &n, &n_all);
	ck_assert_uint_eq(n_all, group->plan->n_members);
	return n;
}

/** The server that the rule chooses for a client that has tried none. */
static const struct server *chosen(void)
{
	struct group_tried tried = {0};
	struct group_ask ask = {.tried = &tried};
	struct member *member = NULL;
	const struct server *found = NULL;

	if (group_next(group, &ask, &member) == GROUP_SERVER) {
		found = member->server;
		group_left(group, member);
		member_unref(member);
	}
	return found;
}

/** How many connections a server has had since the last call. */
static unsigned n_asked(size_t i)
{
	unsigned n = 0;
	int fd;

	while ((fd = accept4(listeners[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		close(fd);
		n++;
	}
	return n;
}

START_TEST(a_server_that_is_down_is_not_chosen)
{
	upstream.servers = servers + 1; /* the server that refuses is the first */
	reload();
	ck_assert_ptr_eq(chosen(), server(0));
	loop_until(is_down(0));
	ck_assert_ptr_eq(chosen(), server(1));
	ck_assert_uint_eq(n_usable(), 1);
	ck_assert_int_eq(listen(listeners[1], 64), 0);
	loop_until(!is_down(0));
	ck_assert_ptr_eq(chosen(), server(0));
	ck_assert_uint_eq(n_usable(), 2);
}
END_TEST

START_TEST(when_all_are_down_none_is_chosen)
{
	upstream.servers = servers + 1;
	upstream.n_servers = 1;
	reload();
	loop_until(is_down(0));
	ck_assert_ptr_null(chosen());
}
END_TEST

START_TEST(a_reload_keeps_what_is_known_and_the_check)
{
	const struct checked_server *before;
	struct conf_check same = check;

	reload();
	loop_until(is_down(1));
	before = server(1)->check;
	same.every_ns = same.every_down_ns = 3600 * (uint64_t)NS_PER_S;
	for (size_t i = 0; i < 2; i++) {
		servers[i].check = &same;
		servers[i].weight = 7;
	}
	reload();
	ck_assert(is_down(1));
	ck_assert_ptr_eq(server(1)->check, before);
	ck_assert_ptr_eq(chosen(), server(0));
}
END_TEST

START_TEST(a_server_that_loses_its_check_is_up)
{
	reload();
	loop_until(is_down(1));
	servers[1].check = NULL;
	reload();
	ck_assert(!is_down(1));
	ck_assert_ptr_null(server(1)->check);
	ck_assert_uint_eq(n_usable(), 2);
}
END_TEST

START_TEST(a_server_that_loses_its_check_is_chosen_although_another_gets_one)
{
	upstream.servers = servers + 1; /* the server that refuses is the first */
	servers[2].check = NULL;
	reload();
	loop_until(is_down(0));
	ck_assert_ptr_eq(chosen(), server(1));
	servers[1].check = NULL;
	servers[2].check = &check;
	reload();
	ck_assert_ptr_eq(chosen(), server(0));
}
END_TEST

START_TEST(a_server_that_goes_is_checked_no_more)
{
	reload();
	loop_until(n_asked(0) > 0);
	upstream.servers = servers + 1;
	reload();
	loop_settle();
	(void)n_asked(0);
	loop_until(is_down(0));
	loop_until(n_asked(2) > 0);
	ck_assert_uint_eq(n_asked(0), 0);
}
END_TEST

START_TEST(a_group_that_goes_is_checked_no_more)
{
	reload();
	loop_until(n_asked(0) > 0);
	upstream.name = other;
	upstream.servers = servers + 2;
	upstream.n_servers = 1;
	reload();
	loop_settle();
	(void)n_asked(0);
	loop_until(n_asked(2) > 0);
	ck_assert_uint_eq(n_asked(0), 0);
}
END_TEST

START_TEST(pairs_end_with_a_server_that_is_down_where_the_config_says_so)
{
	upstream.ends_pairs = _i == 1;
	reload();
	loop_until(is_down(1));
	ck_assert_int_eq(server_ends_pairs(server(1)), _i);
	ck_assert(!server_ends_pairs(server(0)));
	ck_assert_uint_eq(n_to_end, (unsigned)_i);
	upstream.ends_pairs = true;
	reload();
	ck_assert(server_ends_pairs(server(1)));
	ck_assert_uint_eq(n_to_end, 1);
	ck_assert_int_eq(listen(listeners[1], 64), 0);
	loop_until(!is_down(1));
	ck_assert(!server_ends_pairs(server(1)));
	ck_assert_uint_eq(n_to_end, 1);
}
END_TEST

/* Holds a member, as a session whose pair is open does. */
static struct member *hold(size_t i)
{
	return member_ref(group->plan->members[i]);
}

START_TEST(pairs_end_with_a_server_that_a_reload_removes)
{
	struct member *held;

	upstream.ends_pairs = _i != 0;
	reload();
	held = hold(0);
	if (_i == 2) {
		upstream.name = other; /* the whole group is removed */
	}
	upstream.servers = servers + 1;
	reload();
	ck_assert_int_eq(server_ends_pairs(held->server), _i != 0);
	ck_assert(_i == 2 || !server_ends_pairs(server(0)));
	ck_assert_uint_eq(n_to_end, (unsigned)(_i == 0 ? 0 : _i == 1 ? 1 : 2));
	if (_i == 1) { /* it comes back while the session still holds it */
		upstream.servers = servers;
		reload();
		ck_assert_ptr_eq(server(0), held->server);
		ck_assert(!server_ends_pairs(held->server));
	}
	member_unref(held);
}
END_TEST

START_TEST(pairs_end_with_a_server_that_an_administrator_sets_down)
{
	struct admin_word word = {.has_state = true, .state = SERVER_DOWN};

	upstream.ends_pairs = _i == 1;
	reload();
	ck_assert_int_eq(admin_tell(group, servers[0].text, &word), 0);
	ck_assert_int_eq(server_ends_pairs(server(0)), _i);
	ck_assert_uint_eq(n_to_end, (unsigned)_i);
	reload();
	ck_assert_int_eq(server_ends_pairs(server(0)), _i);
	word.state = SERVER_UP;
	ck_assert_int_eq(admin_tell(group, servers[0].text, &word), 0);
	ck_assert(!server_ends_pairs(server(0)));
	loop_until(is_down(1)); /* by its check; the administrator will say up */
	ck_assert_int_eq(server_ends_pairs(server(1)), _i);
	ck_assert_int_eq(admin_tell(group, servers[1].text, &word), 0);
	ck_assert(!server_ends_pairs(server(1)));
}
END_TEST

START_TEST(a_server_that_an_administrator_has_let_serve_starts_slowly_once)
{
	struct admin_word word = {.has_state = true, .state = SERVER_UP};
	uint64_t came_ns;

	reload();
	loop_until(is_down(1));
	ck_assert_int_eq(admin_tell(group, servers[1].text, &word), 0);
	came_ns = server(1)->states.came_ns;
	ck_assert_uint_gt(came_ns, 0);
	ck_assert_int_eq(listen(listeners[1], 64), 0);
	loop_until(!is_down(1));
	ck_assert_uint_eq(server(1)->states.came_ns, came_ns);
}
END_TEST

/** Accepts the next check at this listener. Returns how many bytes it sends, or a negative
 * errno. */
static ptrdiff_t checked_with(size_t i)
{
	char bytes[64];
	ptrdiff_t n = -EAGAIN;
	int fd = -1;

	loop_until((fd = accept4(listeners[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	for (; n == -EAGAIN; loop_settle()) {
		n = peer_recv(fd, bytes, sizeof(bytes));
	}
	close(fd);
	return n;
}

START_TEST(a_check_is_told_as_nobodys_where_pairs_are_told_of_at_all)
{
	upstream.n_servers = 1;
	reload();
	ck_assert_int_eq(checked_with(0), -ECONNRESET); /* it sends nothing */
	upstream.send_proxy = SEND_PROXY_V2;
	reload();
	while (checked_with(0) != 16) {
	}
	/* At an address of its own, a check may reach another service, so it gets no header. */
	check.addr = servers[2].addr;
	memcpy(check.text, servers[2].text, sizeof(check.text));
	reload();
	ck_assert_int_eq(checked_with(2), -ECONNRESET);
}
END_TEST

START_TEST(without_memory_a_check_is_made_later)
{
	bool met = true;

	for (unsigned n = 1; met; n++) {
		struct group_plan *plan;

		group = group_get(&groups, upstream.name);
		plan = group_plan_new(&groups.servers, group, &upstream);
		ck_assert_int_eq(group_install(group, plan), 0);
		fault_only(FAULT_MEMORY);
		checks_begin(&checks);
		fault_arm(n);
		checks_follow(&checks, group, &upstream);
		met = fault_disarm();
		checks_end(&checks);
		if (group->checked != NULL) { /* NULL: the failure was logged */
			checks_tick(&checks);
			ck_assert_ptr_nonnull(server(0)->check);
			ck_assert_ptr_nonnull(server(1)->check);
			loop_until(is_down(1));
		}
		group_plan_unref(plan);
		checks_close(&checks);
		group = group_unref(group);
		checks_open(&checks, test_loop, NULL);
		atomic_store(&checks.fds, 8);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checks");
	TCase *tc = tcase_create("checks");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_server_that_is_down_is_not_chosen);
	tcase_add_test(tc, when_all_are_down_none_is_chosen);
	tcase_add_test(tc, a_reload_keeps_what_is_known_and_the_check);
	tcase_add_test(tc, a_server_that_loses_its_check_is_up);
	tcase_add_test(tc, a_server_that_loses_its_check_is_chosen_although_another_gets_one);
	tcase_add_test(tc, a_server_that_goes_is_checked_no_more);
	tcase_add_test(tc, a_group_that_goes_is_checked_no_more);
	tcase_add_loop_test(
		tc, pairs_end_with_a_server_that_is_down_where_the_config_says_so, 0, 2);
	tcase_add_loop_test(tc, pairs_end_with_a_server_that_a_reload_removes, 0, 3);
	tcase_add_loop_test(tc, pairs_end_with_a_server_that_an_administrator_sets_down, 0, 2);
	tcase_add_test(tc, a_server_that_an_administrator_has_let_serve_starts_slowly_once);
	tcase_add_test(tc, a_check_is_told_as_nobodys_where_pairs_are_told_of_at_all);
	tcase_add_test(tc, without_memory_a_check_is_made_later);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
