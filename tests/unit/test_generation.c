/* SPDX-License-Identifier: ISC */
/* Switches from config to config: sessions keep their terms, limits stay with their names. */
#include "proxy/generation.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "generation_rig.h"
#include "log/log.h"
#include "proxy/bound_socket.h"
#include "proxy/limit.h"
#include "proxy/limits.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "stream/acceptor.h"
#include "suite.h"

START_TEST(an_open_pair_keeps_its_terms_and_a_new_one_has_the_new_ones)
{
	struct generation *before;

	next_listeners[0].timeouts.idle_ns = (uint64_t)10 * NS_PER_MS;
	begin(0);
	before = turn();
	ck_assert_ptr_eq(session()->terms->offer, before->offers[0]);
	ck_assert_uint_eq(session()->clock.rules->timeouts.idle_ns, NS_NEVER);
	ck_assert_uint_eq(refs_count(&before->refs), 1); /* ours; the pair has only the offer */
	ck_assert_uint_eq(refs_count(&before->offers[0]->refs), 2);
	end();
	ck_assert_uint_eq(refs_count(&before->offers[0]->refs), 1);
	generation_unref(before);

	begin(0);
	ck_assert_ptr_eq(session()->terms->offer, house.shared.generation->offers[0]);
	loop_until(house.proxy.part.n_sessions == 0); /* its idle timeout ends it */
}
END_TEST

static uint64_t counted_bytes(enum pair_side side)
{
	return counted(offsetof(struct tally, n_bytes[side][TALLY_COPIED]));
}

START_TEST(the_numbers_of_a_listener_go_on_over_a_reload)
{
	struct limit *limit;

	begin(0);
	side_send(&client, 300);
	loop_until(counted_bytes(SIDE_CLIENT) == 300);
	generation_unref(turn()); /* the pair now belongs to an older generation */
	ck_assert_uint_eq(counted(offsetof(struct tally, n_accepted)), 1);
	side_send(&client, 50);
	loop_until(counted_bytes(SIDE_CLIENT) == 350);
	ck_assert_uint_eq(counted_bytes(SIDE_UPSTREAM), 0);
	limit = house.shared.generation->offers[0]->limit;
	ck_assert_uint_eq(limit_taken(limit), 1);
	end();
	begin(0);
	ck_assert_uint_eq(counted(offsetof(struct tally, n_accepted)), 2);
	ck_assert_uint_eq(counted(offsetof(struct tally, n_ended[END_BY_CLIENT][END_RESET])), 1);
	ck_assert_uint_eq(counted_bytes(SIDE_CLIENT), 350);
	end();
}
END_TEST

START_TEST(a_pair_keeps_its_offer_and_not_the_config)
{
	const struct offer *offer;

	begin(0);
	generation_unref(turn());
	ck_assert_uint_eq(refs_count(&house.conf.refs), 1);
	ck_assert_uint_eq(refs_count(&next_conf.refs), 2);
	generation_unref(turn());
	ck_assert_uint_eq(refs_count(&next_conf.refs), 2); /* the generation between is gone */
	offer = session()->terms->offer;
	ck_assert_ptr_ne(offer, house.shared.generation->offers[0]);
	ck_assert_uint_eq(refs_count(&offer->refs), 1);
	ck_assert_ptr_ne(offer->name, house.listeners[0].name);
	ck_assert_str_eq(offer->name, "web");
	end();
}
END_TEST

START_TEST(a_limit_goes_along_with_the_name)
{
	struct limit *web = house.shared.generation->offers[0]->limit;
	struct limit *side = house.shared.generation->offers[1]->limit;
	static char other[] = "other";

	/* The listener moves to another index of the list, and gets another max_pairs. */
	next_listeners[0] = house.listeners[1];
	next_listeners[0].name = other;
	next_listeners[1] = house.listeners[0];
	next_listeners[1].max_pairs = 1;
	begin(0);
	generation_unref(turn());
	ck_assert_ptr_eq(house.shared.generation->offers[1]->limit, web);
	ck_assert_ptr_ne(house.shared.generation->offers[0]->limit, side);
	ck_assert_uint_eq(house_pairs(&house, 1), 1);
	/* The pair of the older generation has the only place. */
	ck_assert_ptr_eq(places_admit(&house.shared.places, web), web);
	end();
	ck_assert_ptr_null(places_admit(&house.shared.places, web));
	places_leave(&house.shared.places, web);
}
END_TEST

START_TEST(failures_are_counted_on_over_a_reload)
{
	const struct offer *offer = house.shared.generation->offers[0];
	struct group *group = offer->fallback->group;
	const struct server *first = offer->fallback->plan->members[0]->server;

	for (unsigned i = 0; i < OFTEN_LINES; i++) {
		ck_assert(often_count(&group->failures));
	}
	generation_unref(turn());
	offer = house.shared.generation->offers[0];
	ck_assert_ptr_eq(offer->fallback->group, group);
	ck_assert_ptr_eq(offer->fallback->plan->members[0]->server, first);
	ck_assert(!often_count(&group->failures)); /* no more warnings in this second */
}
END_TEST

/* ---- routes ---- */

static struct conf_upstream upstreams[3];
static char a_test[] = "a.test";
static char *sni[] = {a_test};
static struct conf_route routes[3];

/** The first listener has three routes to two upstreams, one of which is its own; the third
 * upstream is unused. */
static void have_routes(void)
{
	static char other[] = "other";
	static char unused[] = "unused";

	for (size_t i = 0; i < 3; i++) {
		upstreams[i] = house.upstream;
	}
	upstreams[1].name = other;
	upstreams[2].name = unused;
	next_conf.upstreams = upstreams;
	next_conf.n_upstreams = 3;
	for (size_t i = 0; i < 3; i++) {
		routes[i] = (struct conf_route){
			.sni = sni, .n_sni = 1, .upstream = &upstreams[i == 0 ? 0 : 1]};
	}
	routes[2].n_sni = 0;
	next_listeners[0].upstream = &upstreams[0];
	next_listeners[0].routes = routes;
	next_listeners[0].n_routes = 3;
	next_listeners[1].upstream = &upstreams[0];
}

START_TEST(a_generation_that_cannot_be_made_leaves_nothing)
{
	static char other[] = "other";
	unsigned n = 0;
	bool met = true;

	have_routes();
	next_listeners[1].name = other; /* a new name, which needs a limit */
	next_listeners[1].allow = &anybody;
	next_listeners[1].deny = &nobody;
	next_listeners[1].accept_proxy = &nobody; /* the same list, which is compiled once */
	next_listeners[1].max_pairs_per_source = 1;
	while (met) {
		struct generation *next;

		fault_arm(++n);
		next = generation_new(&next_conf, &house.shared);
		met = fault_disarm();
		ck_assert(met == (next == NULL));
		generation_unref(next);
		ck_assert_uint_eq(refs_count(&next_conf.refs), 1);
		ck_assert_uint_eq(refs_count(&house.shared.generation->offers[0]->refs), 1);
	}
	ck_assert_uint_gt(n, 20);
}
END_TEST

/** How the first listener routes a client of which this is known. */
static enum route_answer find(enum route_seen seen, const char *name, const char **ret_upstream)
{
	union session_peer address = {.family = AF_INET};
	struct route_facts facts = {.client = &address, .seen = seen};
	const struct target *target = NULL;
	enum route_answer answer;

	if (name != NULL) {
		facts.name = (struct span){(const uint8_t *)name, strlen(name)};
	}
	answer = offer_find(house.shared.generation->offers[0], &facts, &target);
	*ret_upstream = target == NULL ? NULL : target->group->name;
	ck_assert((answer == ROUTE_TAKEN) == (target != NULL));
	return answer;
}

START_TEST(upstreams_of_routes_are_used_as_a_listeners_own_is)
{
	const char *upstream;

	have_routes();
	generation_unref(turn());
	ck_assert_ptr_nonnull(house.shared.generation->plans[0]);
	ck_assert_ptr_nonnull(house.shared.generation->plans[1]);
	/* The unused upstream has a plan, too. */
	ck_assert_ptr_nonnull(house.shared.generation->plans[2]);
	ck_assert_uint_eq(house.shared.generation->offers[0]->n_targets, 2);
	ck_assert_int_eq(find(ROUTE_SEEN_NOTHING, NULL, &upstream), ROUTE_NEEDS_FIRST_BYTE);
	ck_assert_int_eq(find(ROUTE_SEEN_TLS, NULL, &upstream), ROUTE_NEEDS_HELLO);
	ck_assert_int_eq(find(ROUTE_SEEN_PLAIN, NULL, &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "other");
	ck_assert_int_eq(find(ROUTE_SEEN_HELLO, "A.test", &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "app");
	ck_assert_int_eq(find(ROUTE_SEEN_HELLO, NULL, &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "other");
}
END_TEST

START_TEST(whom_no_route_takes_has_the_listeners_own_upstream_or_none)
{
	const char *upstream;

	have_routes();
	next_listeners[0].n_routes = 1;
	generation_unref(turn());
	ck_assert_int_eq(find(ROUTE_SEEN_PLAIN, NULL, &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "app");
	routes[0].upstream = &upstreams[1];
	next_listeners[0].upstream = NULL;
	generation_unref(turn());
	ck_assert_int_eq(find(ROUTE_SEEN_PLAIN, NULL, &upstream), ROUTE_NONE);
	ck_assert_int_eq(find(ROUTE_SEEN_HELLO, "b.test", &upstream), ROUTE_NONE);
	ck_assert_int_eq(find(ROUTE_SEEN_HELLO, "a.test", &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "other");
}
END_TEST

START_TEST(a_rule_that_hashes_the_name_needs_the_hello_of_its_own_clients)
{
	const char *upstream;

	have_routes();
	upstreams[1].balance = BALANCE_HASH;
	upstreams[1].hash_on = HASH_ON_SNI;
	routes[0].n_sni = 0;
	generation_unref(turn());
	ck_assert_int_eq(find(ROUTE_SEEN_NOTHING, NULL, &upstream), ROUTE_TAKEN);
	ck_assert_str_eq(upstream, "app");
	routes[0].upstream = &upstreams[1];
	generation_unref(turn());
	ck_assert_int_eq(find(ROUTE_SEEN_NOTHING, NULL, &upstream), ROUTE_NEEDS_FIRST_BYTE);
	ck_assert_int_eq(find(ROUTE_SEEN_TLS, NULL, &upstream), ROUTE_NEEDS_HELLO);
	ck_assert_int_eq(find(ROUTE_SEEN_PLAIN, NULL, &upstream), ROUTE_TAKEN);
	ck_assert_int_eq(find(ROUTE_SEEN_HELLO, NULL, &upstream), ROUTE_TAKEN);
	upstreams[1].balance = BALANCE_RANDOM;
	generation_unref(turn());
	ck_assert_int_eq(find(ROUTE_SEEN_NOTHING, NULL, &upstream), ROUTE_TAKEN);
}
END_TEST

START_TEST(a_name_is_found)
{
	ck_assert_uint_eq(generation_find(house.shared.generation, "web"), 0);
	ck_assert_uint_eq(generation_find(house.shared.generation, "side"), 1);
	ck_assert_uint_eq(generation_find(house.shared.generation, "sid"), SIZE_MAX);
	ck_assert_uint_eq(generation_find(house.shared.generation, "zzz"), SIZE_MAX);
	ck_assert_uint_eq(generation_find(house.shared.generation, ""), SIZE_MAX);
}
END_TEST

/** Makes a socket on which the proxy accepts, for its first listener. */
static void listen_on(struct bound_socket *socket)
{
	const char *why;
	struct addr addr;

	/* The kernel picks the port, which addr_parse() does not allow. */
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &addr, &why), 0);
	addr.sa.in.sin_port = 0;
	*socket = (struct bound_socket){.is_unix = false};
	ck_assert_int_eq(listen_open(&addr, NULL, NULL, &socket->listen, NULL), 0);
	ck_assert_int_eq(proxy_listen(&house.proxy, house.shared.generation, socket), 0);
	ck_assert_int_eq(socket->listen.fd, -1);
}

START_TEST(a_listening_socket_turns_too_and_goes_when_it_is_left_out)
{
	struct bound_socket socket;

	listen_on(&socket);
	generation_unref(turn());
	ck_assert_uint_eq(refs_count(&house.conf.refs), 1);
	ck_assert_uint_eq(refs_count(&next_conf.refs), 2);
	ck_assert_int_eq(atomic_load(&socket.state), BOUND_ACCEPTED);
	socket.listener = LISTENER_NONE;
	generation_unref(turn());
	loop_until(atomic_load(&socket.state) == BOUND_CLOSED);
	ck_assert_uint_eq(refs_count(&next_conf.refs), 2);
}
END_TEST

START_TEST(options_that_a_socket_does_not_take_are_told_with_a_remedy)
{
	struct bound_socket socket;
	char text[1024];
	int fds[2];
	ssize_t n;

	listen_on(&socket);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(log_open(fds[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	log_set_level(LOG_LEVEL_WARN);
	fault_only_call("setsockopt");
	fault_arm(1);
	generation_unref(turn());
	ck_assert(fault_disarm());
	ck_assert(log_close(NS_NEVER));
	close(fds[1]);
	n = read(fds[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(fds[0]);
	ck_assert_msg(strstr(text, "event=socket_options_failed") != NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " errno=ENOBUFS "));
	ck_assert_ptr_nonnull(strstr(text, " remedy=\""));
	socket.listener = LISTENER_NONE;
	generation_unref(turn());
	loop_until(atomic_load(&socket.state) == BOUND_CLOSED);
}
END_TEST

enum { MANY = 150 };

static unsigned n_refusing(const struct bound_socket *sockets)
{
	unsigned n = 0;

	for (size_t i = 0; i < MANY; i++) {
		n += atomic_load(&sockets[i].state) >= BOUND_DRAINING;
	}
	return n;
}

static unsigned n_closed(const struct bound_socket *sockets)
{
	unsigned n = 0;

	for (size_t i = 0; i < MANY; i++) {
		n += atomic_load(&sockets[i].state) == BOUND_CLOSED;
	}
	return n;
}

/** Waits until all are closed: one in each turn, although their waits for late handshakes end
 * together. */
static void close_all(const struct bound_socket *sockets)
{
	const struct timespec wait = {.tv_nsec = ACCEPTOR_LINGER_MS * (long)NS_PER_MS};

	ck_assert_int_eq(nanosleep(&wait, NULL), 0);
	for (unsigned before = n_closed(sockets); before < MANY; before = n_closed(sockets)) {
		fixture_turn(__FILE__, __LINE__, "all to close");
		ck_assert_uint_le(n_closed(sockets) - before, 1);
	}
}

static void count_switched(void *owner)
{
	++*(unsigned *)owner;
}

/** The listeners go by a switch to the next generation, by proxy_shut(), or by proxy_end(). */
START_TEST(many_listeners_go_some_at_a_time)
{
	static struct bound_socket sockets[MANY];
	unsigned n_turned = 0;
	struct addr addr;
	const char *why;

	ck_assert_int_eq(addr_parse("127.0.0.1:1", &addr, &why), 0);
	addr.sa.in.sin_port = 0;
	house.proxy.owner = &n_turned;
	house.proxy.switched = count_switched;
	for (size_t i = 0; i < MANY; i++) {
		sockets[i].listener = 0;
		ck_assert_int_eq(listen_open(&addr, NULL, NULL, &sockets[i].listen, NULL), 0);
		ck_assert_int_eq(
			proxy_listen(&house.proxy, house.shared.generation, &sockets[i]), 0);
		sockets[i].listener = LISTENER_NONE;
	}
	if (_i == 0) {
		generation_unref(turn());
	} else if (_i == 1) {
		proxy_shut(&house.proxy);
	} else {
		proxy_end(&house.proxy, clock_ns());
		ck_assert_int_eq(atomic_load(&sockets[0].state), BOUND_CLOSED);
		ck_assert_int_eq(atomic_load(&sockets[MANY - 1].state), BOUND_ACCEPTED);
	}
	if (_i < 2) {
		ck_assert_uint_gt(n_refusing(sockets), 0);
		ck_assert_uint_lt(n_refusing(sockets), MANY / 2);
		ck_assert_uint_eq(n_turned, 0);
		loop_until(n_refusing(sockets) == MANY);
	}
	close_all(sockets);
	loop_settle();
	ck_assert_uint_eq(n_turned, _i == 0 ? 1 : 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("generation");
	TCase *tc = tcase_create("generation");

	tcase_add_checked_fixture(tc, generation_rig_open, generation_rig_close);
	tcase_add_test(tc, an_open_pair_keeps_its_terms_and_a_new_one_has_the_new_ones);
	tcase_add_test(tc, the_numbers_of_a_listener_go_on_over_a_reload);
	tcase_add_test(tc, a_pair_keeps_its_offer_and_not_the_config);
	tcase_add_test(tc, a_limit_goes_along_with_the_name);
	tcase_add_test(tc, failures_are_counted_on_over_a_reload);
	tcase_add_test(tc, a_generation_that_cannot_be_made_leaves_nothing);
	tcase_add_test(tc, upstreams_of_routes_are_used_as_a_listeners_own_is);
	tcase_add_test(tc, whom_no_route_takes_has_the_listeners_own_upstream_or_none);
	tcase_add_test(tc, a_rule_that_hashes_the_name_needs_the_hello_of_its_own_clients);
	tcase_add_test(tc, a_name_is_found);
	tcase_add_test(tc, a_listening_socket_turns_too_and_goes_when_it_is_left_out);
	tcase_add_test(tc, options_that_a_socket_does_not_take_are_told_with_a_remedy);
	tcase_add_loop_test(tc, many_listeners_go_some_at_a_time, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
