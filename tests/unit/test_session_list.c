/* SPDX-License-Identifier: ISC */
/*
 * Tests of the list of sessions by their ids, in slices, while sessions come and go; and of when
 * their timers are due.
 */
#include "proxy/session_list.h"

#include <sys/socket.h>

#include "house.h"
#include "log/log.h"
#include "proxy/offer.h"
#include "proxy/session_private.h"
#include "stream/connector.h"
#include "suite.h"

#define S(n) ((uint64_t)(n)*NS_PER_S)

enum { N_SESSIONS = 60, SLICE = 7 };

static struct house house;
static struct test_server server;
static struct side clients[N_SESSIONS + SLICE];
static size_t n_clients;
static struct part_walk walk;

static void setup(void)
{
	fixture_setup();
	log_set_level(LOG_LEVEL_ERROR);
	house_open(&house);
	server_open(&server, WIRE_TCP);
	server_block(&server); /* the kernel completes connects all the same, up to the backlog */
	ck_assert_int_eq(listen(server.fd, 2 * N_SESSIONS), 0);
	house_add_server(&house, server.address);
	n_clients = 0;
}

static void teardown(void)
{
	while (n_clients > 0) {
		side_close(&clients[--n_clients]);
	}
	/* Nobody answers the clients' FINs, so weir must end the sessions. */
	proxy_end(&house.proxy, clock_ns());
	loop_until(house.proxy.part.n_sessions == 0);
	part_walk_end(&walk);
	part_walk_end(&walk);
	server_close(&server);
	house_close(&house);
	fixture_teardown();
}

static void come(size_t n)
{
	for (; n > 0; n--) {
		house_session(&house, 0, WIRE_TCP, &clients[n_clients++]);
	}
}

static void go(size_t client)
{
	size_t n = house.proxy.part.n_sessions;

	side_reset(&clients[client]);
	loop_until(house.proxy.part.n_sessions == n - 1);
}

static bool relays(void)
{
	struct part_walk own = {.next = NULL};
	size_t n = SIZE_MAX;
	bool all = true;
	struct session *session;
	uint64_t after = 0;

	part_walk_begin(&house.proxy.part, &own);
	while ((session = session_list_next(&house.proxy.part, &own, after, &n)) != NULL) {
		all = all && session->stage == SESSION_RELAYING;
	}
	part_walk_end(&own);
	return all;
}

/**
 * Walks one slice of sessions, with rising ids. Returns how many it met. `*after` is the id of the
 * last one.
 */
static size_t slice(uint64_t *after)
{
	size_t n = SLICE;
	size_t n_met = 0;
	struct session *session;

	while ((session = session_list_next(&house.proxy.part, &walk, *after, &n)) != NULL) {
		ck_assert_uint_gt(session->id, *after);
		*after = session->id;
		n_met++;
	}
	return n_met;
}

START_TEST(a_list_in_slices_meets_each_session_once_in_the_order_of_ids)
{
	uint64_t after = 0;
	size_t n_met = 0;
	size_t n;

	come(N_SESSIONS);
	part_walk_begin(&house.proxy.part, &walk);
	while ((n = slice(&after)) > 0) {
		n_met += n;
	}
	ck_assert_uint_eq(n_met, N_SESSIONS);
}
END_TEST

START_TEST(who_ends_meanwhile_is_left_out_and_who_comes_is_met_at_the_end)
{
	uint64_t after = 0;
	size_t n_met;

	come(N_SESSIONS);
	loop_until(relays());
	part_walk_begin(&house.proxy.part, &walk);
	n_met = slice(&after);
	ck_assert_uint_eq(n_met, SLICE);
	go(0);         /* the walk has met this one */
	go(SLICE);     /* the walk comes to this one next */
	go(SLICE + 1); /* and then to this one */
	go(SLICE + 3);
	come(2);
	for (size_t n; (n = slice(&after)) > 0;) {
		n_met += n;
	}
	ck_assert_uint_eq(n_met, N_SESSIONS - 3 + 2);
	come(1); /* the walk is over and does not go on */
	ck_assert_uint_eq(slice(&after), 0);
}
END_TEST

START_TEST(other_timeouts_and_drains_on_their_way_change_no_order)
{
	const struct deadline_drain never = {
		.start_ns = NS_NEVER, .idle_first_ns = NS_NEVER, .end_ns = NS_NEVER};
	uint64_t after = 0;
	size_t n_met = 0;

	come(N_SESSIONS);
	part_walk_begin(&house.proxy.part, &walk);
	for (size_t n; (n = slice(&after)) > 0;) {
		n_met += n;
		if (n_met % 2 == 0) {
			proxy_drain(&house.proxy, &never);
		} else {
			proxy_reopen(&house.proxy);
		}
	}
	ck_assert_uint_eq(n_met, N_SESSIONS);
	proxy_reopen(&house.proxy);
}
END_TEST

START_TEST(a_page_goes_on_after_the_last_id_of_the_one_before)
{
	uint64_t after = 0;
	size_t n_looked = SIZE_MAX;
	struct session *session;

	come(N_SESSIONS);
	part_walk_begin(&house.proxy.part, &walk);
	(void)slice(&after);
	part_walk_begin(&house.proxy.part, &walk); /* begins a new walk */
	session = session_list_next(&house.proxy.part, &walk, after, &n_looked);
	ck_assert_ptr_nonnull(session);
	ck_assert_uint_gt(session->id, after);
	/* The walk looked at the sessions before it, too. */
	ck_assert_uint_eq(SIZE_MAX - n_looked, SLICE + 1);
	ck_assert_uint_eq(session_list_worker(session->id, 1), 0);
}
END_TEST

START_TEST(an_id_says_whose_it_is)
{
	ck_assert_uint_eq(session_list_worker(1, 4), 0);
	ck_assert_uint_eq(session_list_worker(4, 4), 3);
	ck_assert_uint_eq(session_list_worker(5, 4), 0);
	ck_assert_uint_lt(session_list_worker(0, 4), 4); /* 0 is no session's id */
}
END_TEST

/** Each end, with its closes, takes some 40 us. Hundreds in one turn would delay the others. */
START_TEST(pairs_whose_server_is_down_are_ended_few_a_turn)
{
	enum { MOST = 8 };
	struct part *part = &house.proxy.part;
	size_t n = N_SESSIONS;

	come(N_SESSIONS);
	loop_until(relays());
	atomic_store(&container_of(part->sessions.next, struct session, link)
			      ->member->server->ends_pairs,
		true);
	proxy_end_pairs(&house.proxy);
	while (n > 0) {
		uint64_t turns = loop_turns(test_loop);

		ck_assert_uint_lt(part->n_sessions, n);
		ck_assert_uint_ge(part->n_sessions + MOST, n);
		n = part->n_sessions;
		loop_until(n == 0 || loop_turns(test_loop) > turns);
	}
}
END_TEST

/* ---- timers ---- */

static struct session *only_session(void)
{
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

START_TEST(the_timers_of_a_session_are_those_that_run)
{
	const struct deadline_drain drain = {
		.start_ns = NS_NEVER, .idle_first_ns = NS_NEVER, .end_ns = clock_ns() + S(900)};
	struct conf_timeouts *timeouts = &house_terms(&house, 0)->rules.timeouts;
	uint64_t at_ns[DEADLINE_KINDS];
	uint64_t accepted_ns;

	timeouts->connect_ns = S(10);
	timeouts->idle_ns = S(60);
	timeouts->half_close_ns = S(30);
	timeouts->lifetime_ns = S(600);
	come(1);
	accepted_ns = only_session()->clock.accepted_ns;
	ck_assert_int_eq(only_session()->stage, SESSION_CONNECTING);
	session_list_timers(only_session(), at_ns);
	ck_assert_uint_eq(
		at_ns[DEADLINE_CONNECT], connector_deadline_ns(only_session()->setup->connector));
	ck_assert_uint_eq(at_ns[DEADLINE_LIFETIME], accepted_ns + S(600));
	ck_assert_uint_eq(at_ns[DEADLINE_IDLE], NS_NEVER);
	loop_until(relays());
	proxy_drain(&house.proxy, &drain);
	session_list_timers(only_session(), at_ns);
	ck_assert_uint_eq(at_ns[DEADLINE_CONNECT], NS_NEVER);
	ck_assert_uint_eq(at_ns[DEADLINE_IDLE], only_session()->pair.joined_ns + S(60));
	ck_assert_uint_eq(at_ns[DEADLINE_HALF_CLOSE], NS_NEVER);
	ck_assert_uint_eq(at_ns[DEADLINE_LIFETIME], accepted_ns + S(600));
	ck_assert_uint_eq(at_ns[DEADLINE_DRAIN], drain.end_ns);
	side_finish(&clients[0]);
	loop_until(pair_is_half_closed(&only_session()->pair));
	session_list_timers(only_session(), at_ns);
	ck_assert_uint_eq(at_ns[DEADLINE_IDLE], NS_NEVER);
	ck_assert_uint_ge(at_ns[DEADLINE_HALF_CLOSE], only_session()->pair.fin_ns + S(30));
	proxy_reopen(&house.proxy);
	session_list_timers(only_session(), at_ns);
	ck_assert_uint_eq(at_ns[DEADLINE_DRAIN], NS_NEVER);
}
END_TEST

START_TEST(a_drain_that_is_undone_ends_nobody_from_then_on)
{
	const struct deadline_drain drain = {
		.start_ns = clock_ns(), .idle_first_ns = S(60), .end_ns = clock_ns() + S(900)};
	struct deadline_facts facts;

	come(1);
	loop_until(relays());
	proxy_drain(&house.proxy, &drain);
	facts = pair_facts(&only_session()->pair); /* one that no slice has come to yet */
	ck_assert_uint_eq(deadline_next(&house_terms(&house, 0)->rules.timeouts, &facts).kind,
		DEADLINE_DRAIN);
	proxy_reopen(&house.proxy);
	ck_assert_uint_eq(
		deadline_next(&house_terms(&house, 0)->rules.timeouts, &facts).at_ns, NS_NEVER);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_list");
	TCase *tc = tcase_create("session_list");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_list_in_slices_meets_each_session_once_in_the_order_of_ids);
	tcase_add_test(tc, who_ends_meanwhile_is_left_out_and_who_comes_is_met_at_the_end);
	tcase_add_test(tc, other_timeouts_and_drains_on_their_way_change_no_order);
	tcase_add_test(tc, a_page_goes_on_after_the_last_id_of_the_one_before);
	tcase_add_test(tc, an_id_says_whose_it_is);
	tcase_add_test(tc, pairs_whose_server_is_down_are_ended_few_a_turn);
	tcase_add_test(tc, the_timers_of_a_session_are_those_that_run);
	tcase_add_test(tc, a_drain_that_is_undone_ends_nobody_from_then_on);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
