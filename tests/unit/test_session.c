/* SPDX-License-Identifier: ISC */
/*
 * Tests of a session from the accepted connection to its one closing line in the log. The tests
 * read the log from a pipe.
 */
#include "proxy/session.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "fault.h"
#include "log/log.h"
#include "lookup.h"
#include "proxy/limits.h"
#include "proxy/offer.h"
#include "session_rig.h"
#include "suite.h"

/* ---- the servers ---- */

START_TEST(relays_to_the_first_server_that_answers)
{
	house_add_server(&house, server.address);
	house_add_server(&house, "127.0.0.1:1");
	begin_and_exchange();
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	side_finish(&client);
	loop_until(server.side.in.ended);
	side_finish(&server.side);
	until_ended();
	assert_says(" pair=1");
	assert_says(" listener=web");
	assert_says(" client=127.0.0.1:");
	assert_says(" by=client");
	assert_says(" reason=eof");
	assert_says(" bytes_up=300");
	assert_says(" bytes_down=20");
	assert_says(" connect_ms=");
	assert_says(" duration_ms=");
	assert_says(" quiet_up_ms=");
	assert_says(" quiet_down_ms=");
	assert_silent(" tried=");
	assert_silent(" errno=");
	assert_silent(" timer=");
	assert_silent(" late_us=");
}
END_TEST

START_TEST(the_log_names_the_server_and_the_opening)
{
	char expected[128];

	house_add_server(&house, server.address);
	begin_and_exchange();
	side_reset(&client);
	until_ended();
	(void)snprintf(expected, sizeof(expected), " server=%s", server.address);
	assert_says(expected);
	assert_says(" upstream=app");
	ck_assert_ptr_null(strstr(log_text, " server_name=")); /* the name is the address */
	ck_assert_ptr_nonnull(strstr(log_text, " event=open "));
	ck_assert(strstr(log_text, " event=open ") < strstr(log_text, " event=close "));
}
END_TEST

START_TEST(a_server_that_has_a_name_is_logged_by_it_too)
{
	house_add_server(&house, server.address);
	house.servers[0].name = "first";
	begin_and_exchange();
	side_reset(&client);
	until_ended();
	assert_says(" server_name=first");
}
END_TEST

START_TEST(without_a_usable_server_the_client_is_reset_at_once)
{
	house_add_server(&house, server.address);
	house.servers[0].weight = 0;
	house_session(&house, 0, WIRE_TCP, &client);
	side_receive(&client);
	loop_until(side_saw_reset(&client));
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=no_server");
	assert_says(" server=\"\"");
	ck_assert_ptr_null(strstr(log_text, " server_name="));
}
END_TEST

START_TEST(a_refused_server_is_followed_by_the_next)
{
	char refused[64];
	char expected[160];

	house_refused_address(&house, refused);
	house_add_server(&house, refused);
	house_add_server(&house, server.address);
	begin_and_exchange(); /* the bytes that came early go whole to the server that answers */
	side_reset(&client);
	until_ended();
	(void)snprintf(expected, sizeof(expected), " tried=\"%s (Connection refused)\"", refused);
	assert_says(expected);
	assert_says(" reason=reset");
	assert_says(" by=client");
	assert_says(" errno=ECONNRESET");
}
END_TEST

START_TEST(a_missing_unix_server_is_followed_by_the_next)
{
	house_add_server(&house, "unix:/nonexistent/socket");
	house_add_server(&house, server.address);
	begin_and_exchange();
	side_reset(&server.side);
	until_ended();
	assert_says(" tried=\"unix:/nonexistent/socket (No such file or directory)\"");
	assert_says(" by=upstream");
	assert_says(" reason=reset");
}
END_TEST

START_TEST(a_black_holed_server_takes_one_timeout_and_is_followed_by_the_next)
{
	struct black_hole hole = {0};
	uint64_t begin_ns;
	char expected[160];

	black_hole_open(&hole);
	house_terms(&house, 0)->rules.timeouts.connect_ns = (uint64_t)30 * NS_PER_MS;
	house_add_server(&house, hole.server.address);
	house_add_server(&house, server.address);
	begin_ns = clock_ns();
	begin_and_exchange();
	ck_assert_uint_ge(clock_ns() - begin_ns, house_terms(&house, 0)->rules.timeouts.connect_ns);
	side_reset(&client);
	until_ended();
	(void)snprintf(expected, sizeof(expected), " tried=\"%s (Connection timed out)\"",
		hole.server.address);
	assert_says(expected);
	black_hole_close(&hole);
}
END_TEST

START_TEST(the_last_attempt_decides_that_it_is_a_timeout)
{
	struct black_hole hole = {0};
	char refused[64];

	black_hole_open(&hole);
	house_refused_address(&house, refused);
	house_terms(&house, 0)->rules.timeouts.connect_ns = (uint64_t)30 * NS_PER_MS;
	house_add_server(&house, refused);
	house_add_server(&house, hole.server.address);
	begin(WIRE_TCP);
	loop_until(side_saw_reset(&client));
	until_ended();
	assert_says(" by=upstream");
	assert_says(" reason=connect_timeout");
	assert_says(" timer=connect");
	assert_says(" late_us=");
	assert_says(" server=\"\"");
	black_hole_close(&hole);
}
END_TEST

START_TEST(an_unresolvable_server_is_followed_by_the_next)
{
	lookup_script();
	house_add_server(&house, "name.invalid:80");
	house_add_server(&house, server.address);
	begin(WIRE_TCP);
	side_send(&client, 300);
	loop_until(lookup_is_open("name.invalid"));
	lookup_answer("name.invalid", UV_EAI_NONAME, NULL);
	loop_until(server.side.in.n_received == 300);
	side_reset(&client);
	until_ended();
	assert_says(" tried=\"name.invalid:80 (lookup: Name or service not known)\"");
	assert_says(" reason=reset");
}
END_TEST

START_TEST(every_address_of_a_name_is_tried)
{
	char expected[160];
	char name[64];

	lookup_script();
	(void)snprintf(name, sizeof(name), "name.example%s", strrchr(server.address, ':'));
	house_add_server(&house, name);
	begin(WIRE_TCP);
	side_send(&client, 300);
	loop_until(lookup_is_open("name.example"));
	lookup_answer("name.example", 0, "127.0.0.2 127.0.0.1"); /* nobody listens on 127.0.0.2 */
	loop_until(server.side.in.n_received == 300);
	side_reset(&client);
	until_ended();
	(void)snprintf(expected, sizeof(expected), " tried=\"127.0.0.2%s (Connection refused)\"",
		strrchr(server.address, ':'));
	assert_says(expected);
	(void)snprintf(expected, sizeof(expected), " server=%s", server.address);
	assert_says(expected);
}
END_TEST

START_TEST(a_name_that_is_unknown_fails_with_the_resolvers_error)
{
	lookup_script();
	house_add_server(&house, "name.invalid:80");
	begin(WIRE_TCP);
	loop_until(lookup_is_open("name.invalid"));
	lookup_answer("name.invalid", UV_EAI_NONAME, NULL);
	until_ended();
	assert_says(" by=upstream");
	assert_says(" reason=connect_failed");
	assert_says(" tried=\"name.invalid:80 (lookup: Name or service not known)\"");
}
END_TEST

START_TEST(when_all_fail_the_client_is_reset)
{
	char refused[64];
	char expected[256];

	house_refused_address(&house, refused);
	house_add_server(&house, "unix:/nonexistent/socket");
	house_add_server(&house, refused);
	begin(WIRE_TCP);
	side_send(&client, 100);
	loop_until(side_saw_reset(&client));
	ck_assert_uint_eq(client.in.n_received, 0);
	until_ended();
	(void)snprintf(expected, sizeof(expected),
		" tried=\"unix:/nonexistent/socket (No such file or directory), %s (Connection "
		"refused)\"",
		refused);
	assert_says(expected);
	assert_says(" by=upstream");
	assert_says(" reason=connect_failed");
	assert_says(" errno=ECONNREFUSED");
	assert_says(" server=\"\"");
	assert_says(" bytes_up=0");
	assert_says(" bytes_down=0");
	assert_silent(" quiet_up_ms=");
}
END_TEST

START_TEST(a_client_that_resets_while_connecting_ends_at_once)
{
	struct black_hole hole = {0};

	black_hole_open(&hole);
	house_add_server(&house, hole.server.address);
	begin(WIRE_TCP);
	loop_settle();
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	side_reset(&client); /* no timeout is set */
	until_ended();
	assert_says(" by=client");
	assert_says(" reason=reset");
	assert_says(" client=127.0.0.1:");
	black_hole_close(&hole);
}
END_TEST

/* ---- other ends ---- */

START_TEST(a_timer_is_logged_with_its_lateness)
{
	house_add_server(&house, server.address);
	house_terms(&house, 0)->rules.timeouts.idle_ns = (uint64_t)20 * NS_PER_MS;
	begin(WIRE_TCP);
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=idle");
	assert_says(" timer=idle");
	assert_says(" late_us=");
	assert_silent(" errno=");
	assert_silent(" quiet_up_ms="); /* no byte has moved */
}
END_TEST

START_TEST(a_drain_is_logged)
{
	house_add_server(&house, server.address);
	begin_and_exchange();
	drain_until_now();
	until_ended();
	assert_says(" by=weir");
	assert_says(" reason=drain");
	assert_says(" timer=drain");
}
END_TEST

START_TEST(a_session_that_comes_while_draining_has_the_same_deadline)
{
	house_add_server(&house, server.address);
	drain_until_now();
	begin(WIRE_TCP);
	until_ended();
	assert_says(" reason=drain");
}
END_TEST

START_TEST(half_close_max_is_a_half_close_by_its_own_timer)
{
	house_add_server(&house, server.address);
	house_terms(&house, 0)->rules.timeouts.half_close_max_ns = (uint64_t)20 * NS_PER_MS;
	begin(WIRE_TCP);
	side_finish(&client);
	until_ended();
	assert_says(" reason=half_close");
	assert_says(" timer=half_close_max");
}
END_TEST

/**
 * The calls that make a session, each with its error: weir lacks something, or another error. An
 * LSM may fail a call for socket options with EACCES, which says nothing of the client.
 */
static const struct {
	const char *call;
	unsigned nth;
	const char *errno_field;
	int err;
	enum end_reason reason;
} obstacles[] = {
	{"calloc", 1, " errno=ENOMEM", ENOMEM, END_LIMIT}, /* allocates the session */
	{"calloc", 2, " errno=ENOMEM", ENOMEM, END_LIMIT}, /* allocates its setup */
	{"calloc", 3, " errno=ENOMEM", ENOMEM, END_LIMIT}, /* allocates its stream */
	{"epoll_ctl", 1, " errno=ENOSPC", ENOSPC, END_LIMIT},
	{"getsockopt", 1, " errno=ENOBUFS", ENOBUFS, END_LIMIT},
	{"getsockopt", 1, " errno=EPERM", EPERM, END_ERROR},
	{"setsockopt", 1, " errno=EACCES", EACCES, END_ERROR},
};
enum { OBSTACLES = sizeof(obstacles) / sizeof(obstacles[0]) };

START_TEST(a_session_that_cannot_be_made_is_reset_and_logged)
{
	uint64_t n_accepted = atomic_load(&house.proxy.part.counters.n_accepted);
	uint64_t n_closed = atomic_load(&house.proxy.part.counters.n_closed[obstacles[_i].reason]);
	struct session_opts opts;

	house_add_server(&house, server.address);
	opts = house_client(&house, 0, WIRE_TCP, &client);
	opts.client_flags |= STREAM_IS_MPTCP; /* so that weir reads and sets socket options */
	fault_only_call(obstacles[_i].call);
	fault_set_errno(obstacles[_i].err);
	fault_arm(obstacles[_i].nth);
	session_open(&opts);
	ck_assert(fault_disarm());
	/* The client has sent nothing, so a reset does not come from unread bytes. */
	side_receive(&client);
	loop_until(side_saw_reset(&client));
	ck_assert(!side_saw_fin(&client));
	until_ended();
	assert_says(" pair=1");
	assert_says(" listener=web");
	assert_says(" client=127.0.0.1:");
	assert_says(" by=weir");
	assert_says(obstacles[_i].reason == END_LIMIT ? " reason=limit" : " reason=error");
	assert_says(obstacles[_i].errno_field);
	ck_assert_uint_eq(limit_taken(&house.shared.places.pairs), 0);
	ck_assert_uint_eq(house_pairs(&house, 0), 0);
	ck_assert_uint_eq(atomic_load(&house.proxy.part.counters.n_accepted), n_accepted + 1);
	ck_assert_uint_eq(atomic_load(&house.proxy.part.counters.n_closed[obstacles[_i].reason]),
		n_closed + 1);
}
END_TEST

static void on_quiet(void *owner)
{
	++*(unsigned *)owner;
}

START_TEST(a_client_that_is_rejected_is_reset_told_and_counted_and_no_session_made)
{
	enum wire_kind kind = _i == 0 ? WIRE_TCP : WIRE_UNIX;
	struct session_opts opts;
	struct limit *limit = house_terms(&house, 0)->offer->limit;
	unsigned n_quiet = 0;

	house_add_server(&house, server.address);
	house.proxy.owner = &n_quiet;
	house.proxy.quiet = on_quiet;
	proxy_shut(&house.proxy);
	ck_assert_uint_eq(n_quiet, 1);
	opts = house_client(&house, 0, kind, &client);
	fault_only(FAULT_MEMORY); /* a rejection needs no memory */
	fault_arm(1);
	session_reject(&opts,
		(struct end){.by = END_BY_WEIR, .reason = END_LIMIT, .timer = DEADLINE_NONE});
	ck_assert(!fault_disarm());
	ck_assert(side_is_hung_up(&client));
	ck_assert_uint_eq(n_quiet, 2);
	ck_assert(list_empty(&house.proxy.part.sessions));
	ck_assert_uint_eq(limit_taken(&house.shared.places.pairs), 0);
	ck_assert_uint_eq(limits_sum(limit, offsetof(struct tally, n_accepted)), 1);
	ck_assert_uint_eq(
		limits_sum(limit, offsetof(struct tally, n_ended[END_BY_WEIR][END_LIMIT])), 1);
	until_ended(); /* there is one closing line */
	assert_says(" by=weir");
	assert_says(" reason=limit");
	assert_says(" listener=web");
	ck_assert_uint_eq(server.n_accepted, 0);
}
END_TEST

/**
 * Another worker has accepted the connection. It comes to this worker when this worker has shut and
 * has no session left.
 */
START_TEST(a_session_that_cannot_be_made_may_be_the_last_of_a_drain)
{
	unsigned n_quiet = 0;

	house.proxy.owner = &n_quiet;
	house.proxy.quiet = on_quiet;
	proxy_shut(&house.proxy);
	ck_assert_uint_eq(n_quiet, 1);
	fault_only_call("calloc");
	fault_set_errno(ENOMEM);
	fault_arm(1);
	house_session(&house, 0, WIRE_TCP, &client);
	ck_assert(fault_disarm());
	ck_assert_uint_eq(n_quiet, 2);
	until_ended();
}
END_TEST

START_TEST(control_characters_never_reach_the_log)
{
	static char raw[] = "\n\x1b[31mevil\x7f\"\\ \x80";
	struct conf_server *first = &house.servers[0];

	/* The config refuses such names; here they are put in by hand. */
	house_add_server(&house, "unix:@0123456789abcdef");
	memcpy(first->addr.sa.un.sun_path + 1, raw, sizeof(raw) - 1);
	(void)snprintf(first->text, sizeof(first->text), "%s", raw);
	house_terms(&house, 0)->offer->name = raw;
	begin(WIRE_TCP);
	until_ended();
	for (const char *at = log_text; *at != '\0'; at++) {
		bool at_end = *at == '\n' && (at[1] == '\0' || strncmp(at + 1, "time=", 5) == 0);

		ck_assert_msg((*at >= ' ' && *at <= '~') || at_end, "byte %zu of: %s",
			(size_t)(at - log_text), log_text);
	}
	assert_says(" listener=\"\\x0a\\x1b[31mevil\\x7f\\\"\\\\ \\x80\"");
	assert_says(" reason=connect_failed");
}
END_TEST

START_TEST(what_was_tried_is_cut_to_a_bound_and_says_so)
{
	const char *tried;

	for (unsigned i = 0; i < HOUSE_SERVERS_MAX; i++) {
		char address[128];

		(void)snprintf(address, sizeof(address), "unix:/nonexistent/%085u", i);
		house_add_server(&house, address);
	}
	begin(WIRE_TCP);
	until_ended();
	assert_says(" tried=\"unix:/nonexistent/");
	tried = strstr(log_text, " tried=\"") + strlen(" tried=\"");
	ck_assert_uint_le(strcspn(tried, "\""), 1024);
	assert_says("), ...\""); /* "..." says that the list is cut off */
	assert_says(" reason=connect_failed");
	assert_says(" duration_ms="); /* the rest of the line is there */
}
END_TEST

START_TEST(ids_are_unique_among_the_workers)
{
	house_add_server(&house, server.address);
	house.shared.n_workers = 4;
	readers_fini(&house.shared.groups.readers);
	ck_assert_int_eq(readers_init(&house.shared.groups.readers, 4), 0);
	house.proxy.part.index = 2;
	house.proxy.part.n_sessions_made = 5;
	begin(WIRE_TCP);
	house.shared.n_workers = 1;
	side_reset(&client);
	until_ended();
	assert_says(" pair=23"); /* 5 x 4 + 2, and ids begin with 1 */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tc = tcase_create("session");

	tcase_add_checked_fixture(tc, session_rig_setup, session_rig_teardown);
	tcase_add_test(tc, relays_to_the_first_server_that_answers);
	tcase_add_test(tc, the_log_names_the_server_and_the_opening);
	tcase_add_test(tc, a_server_that_has_a_name_is_logged_by_it_too);
	tcase_add_test(tc, without_a_usable_server_the_client_is_reset_at_once);
	tcase_add_test(tc, a_refused_server_is_followed_by_the_next);
	tcase_add_test(tc, a_missing_unix_server_is_followed_by_the_next);
	tcase_add_test(tc, a_black_holed_server_takes_one_timeout_and_is_followed_by_the_next);
	tcase_add_test(tc, the_last_attempt_decides_that_it_is_a_timeout);
	tcase_add_test(tc, an_unresolvable_server_is_followed_by_the_next);
	tcase_add_test(tc, every_address_of_a_name_is_tried);
	tcase_add_test(tc, a_name_that_is_unknown_fails_with_the_resolvers_error);
	tcase_add_test(tc, when_all_fail_the_client_is_reset);
	tcase_add_test(tc, a_client_that_resets_while_connecting_ends_at_once);
	tcase_add_test(tc, a_timer_is_logged_with_its_lateness);
	tcase_add_test(tc, a_drain_is_logged);
	tcase_add_test(tc, a_session_that_comes_while_draining_has_the_same_deadline);
	tcase_add_test(tc, half_close_max_is_a_half_close_by_its_own_timer);
	tcase_add_loop_test(tc, a_session_that_cannot_be_made_is_reset_and_logged, 0, OBSTACLES);
	tcase_add_loop_test(
		tc, a_client_that_is_rejected_is_reset_told_and_counted_and_no_session_made, 0, 2);
	tcase_add_test(tc, a_session_that_cannot_be_made_may_be_the_last_of_a_drain);
	tcase_add_test(tc, control_characters_never_reach_the_log);
	tcase_add_test(tc, what_was_tried_is_cut_to_a_bound_and_says_so);
	tcase_add_test(tc, ids_are_unique_among_the_workers);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
