/* SPDX-License-Identifier: ISC */
/*
 * Tests in which every call that can fail fails in turn, over the whole life of a session. There
 * are several kinds of life; each is repeated until no call is left to fail. After each life every
 * fd and every place under the limits has been given back (the leak sanitizer looks at memory), and
 * a session that was there before still relays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "house.h"
#include "proxy/bound_socket.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "stream/resolver.h"
#include "suite.h"
#include "upstream/group.h"

enum { FAULTS_MAX = 2000, SMALL = 1000, LARGE = 1024 * 1024 };

static struct house house;
static struct test_server server;
static struct side client;
static struct bound_socket listening; /* the socket of weir's listener 0 */
static struct addr listening_addr;

/* The session that was there before. */
static struct test_server bystander_server;
static struct side bystander;

static bool is_over(void)
{
	bool client_knows =
		client.fd < 0 || client.in.ended || client.in.error != 0 || client.out.error != 0;

	return client_knows && house.proxy.part.n_sessions == 1;
}

/** Turns the loop until the condition holds or the session is over. */
#define life_until(condition) loop_until((condition) || is_over())

/* ---- kinds of life ---- */

static void say(struct side *from, size_t len)
{
	if (from->fd >= 0 && from->out.error == 0) {
		side_send(from, len);
	}
}

static void life_connects(void)
{
	say(&client, SMALL);
	life_until(server.side.in.n_received == SMALL);
}

static void life_relays(void)
{
	life_connects();
	say(&server.side, SMALL);
	life_until(client.in.n_received == SMALL);
	say(&client, SMALL);
	life_until(server.side.in.n_received == 2 * SMALL);
	side_close(&client);
	side_close(&server.side);
	life_until(false);
}

/** The server does not read until bytes wait in weir. */
static void life_stalls(void)
{
	life_connects();
	if (server.side.fd >= 0) {
		side_pause(&server.side);
	}
	say(&client, LARGE);
	life_until(loop_waiting_bytes(test_loop) > 0);
	if (server.side.fd >= 0) {
		side_receive(&server.side);
	}
	life_until(server.side.in.n_received == SMALL + LARGE);
	side_close(&client);
	side_close(&server.side);
	life_until(false);
}

static void life_half_closes(void)
{
	life_connects();
	if (!is_over() && client.out.error == 0) {
		(void)shutdown(client.fd, SHUT_WR);
	}
	life_until(server.side.in.ended);
	say(&server.side, SMALL);
	life_until(client.in.n_received == SMALL);
	side_close(&server.side);
	life_until(client.in.ended);
}

static void life_is_reset_by_the_client(void)
{
	life_connects();
	if (client.fd >= 0) {
		side_reset(&client);
	}
	life_until(server.side.in.error != 0);
}

static void life_is_reset_by_the_upstream(void)
{
	life_connects();
	say(&server.side, SMALL);
	life_until(sender_is_done(&server.side.out));
	if (server.side.fd >= 0) {
		side_reset(&server.side);
	}
	life_until(client.in.error != 0 || client.in.ended);
}

static bool is_in(enum session_stage stage)
{
	list_for_each (link, &house.proxy.part.sessions) {
		struct session *session = container_of(link, struct session, link);

		if (session->terms == house_terms(&house, 0) && session->stage == stage) {
			return true;
		}
	}
	return false;
}

/** The server starts while the session waits to try again. */
static void life_waits(void)
{
	house.upstream.retry_for_ns = (uint64_t)1000 * NS_PER_S;
	house_clear_servers(&house);
	house_add_server(&house, "unix:/nonexistent/socket");
	life_until(is_in(SESSION_WAITING));
	house_clear_servers(&house);
	house_add_server(&house, server.address);
	life_connects();
	house.upstream.retry_for_ns = NS_NEVER;
}

/** The server is full at first. */
static void life_queues(void)
{
	const struct offer *offer = house_terms(&house, 0)->offer;
	struct member *member;

	house_clear_servers(&house);
	house.upstream.queue_max = 1;
	house.servers[0].max_pairs = 1;
	house_add_server(&house, server.address);
	member = offer->fallback->plan->members[0];
	ck_assert(server_take(member->server));
	life_until(is_in(SESSION_QUEUED));
	group_left(offer->fallback->group, member);
	life_connects();
	house.upstream.queue_max = 0;
	house.servers[0].max_pairs = 0;
}

static void life_is_drained(void)
{
	static const struct deadline_drain over; /* it ended at time 0 */

	life_connects();
	list_for_each (link, &house.proxy.part.sessions) {
		struct session *session = container_of(link, struct session, link);

		if (session->terms == house_terms(&house, 0)) {
			session_drain(session, &over);
		}
	}
	life_until(false);
}

/** The client begins with a PROXY header, in two pieces. The listener asks for one. */
static void life_announces(void)
{
	static const char header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";
	struct offer *offer = house_terms(&house, 0)->offer;
	struct conf_prefixes everybody = {.any = true};
	struct peer_lists lists = {.first = NULL};

	fault_suspend();
	offer->has_edge = true;
	if (offer->accept_proxy == NULL) {
		offer->accept_proxy = peer_lists_get(&lists, &everybody);
		ck_assert_ptr_nonnull(offer->accept_proxy);
		peer_lists_fini(&lists);
	}
	(void)send(client.fd, header, 20, MSG_NOSIGNAL);
	fault_resume();
	life_until(is_in(SESSION_PREFACE));
	fault_suspend();
	(void)send(client.fd, header + 20, sizeof(header) - 1 - 20, MSG_NOSIGNAL);
	fault_resume();
	life_connects();
}

static const struct life {
	const char *name;
	void (*live)(void);
	const char *first_servers[2]; /**< weir cannot connect to these */
	enum wire_kind server_kind;
	bool by_name;
} lives[] = {
	{"relay", life_relays, {NULL}, WIRE_TCP, false},
	{"relay over UNIX", life_relays, {NULL}, WIRE_UNIX, false},
	{"stall", life_stalls, {NULL}, WIRE_UNIX, false},
	{"connect", life_connects, {"127.0.0.1:1", "unix:/nonexistent/socket"}, WIRE_UNIX, false},
	{"resolve", life_connects, {NULL}, WIRE_TCP, true},
	{"half-close", life_half_closes, {NULL}, WIRE_TCP, false},
	{"half-close over UNIX", life_half_closes, {NULL}, WIRE_UNIX, false},
	{"reset by the client", life_is_reset_by_the_client, {NULL}, WIRE_TCP, false},
	{"reset by the upstream", life_is_reset_by_the_upstream, {NULL}, WIRE_TCP, false},
	{"queue", life_queues, {NULL}, WIRE_TCP, false},
	{"wait", life_waits, {NULL}, WIRE_TCP, false},
	{"PROXY header", life_announces, {NULL}, WIRE_TCP, false},
	{"drain", life_is_drained, {NULL}, WIRE_TCP, false},
};
enum { LIVES = sizeof(lives) / sizeof(lives[0]) };

/* ---- around a life ---- */

static void setup(void)
{
	struct conf_timeouts *timeouts;
	const char *why;
	int fd;

	fixture_setup();
	log_set_level(LOG_LEVEL_ERROR); /* log lines in the middle of a life are not tested here */
	house_open(&house);
	server_open(&bystander_server, WIRE_TCP);
	house_add_server(&house, bystander_server.address);
	house_session(&house, 1, WIRE_TCP, &bystander);
	side_receive(&bystander);
	loop_until(bystander_server.n_accepted == 1);
	house_clear_servers(&house);

	/* These timeouts end what a fault has left unfinished. */
	timeouts = &house_terms(&house, 0)->rules.timeouts;
	timeouts->connect_ns = (uint64_t)400 * NS_PER_MS;
	timeouts->idle_ns = (uint64_t)400 * NS_PER_MS;
	timeouts->half_close_ns = (uint64_t)400 * NS_PER_MS;
	timeouts->write_stall_ns = (uint64_t)400 * NS_PER_MS;

	fd = listen_anywhere(WIRE_TCP, house.servers[0].text);
	ck_assert_int_eq(addr_parse(house.servers[0].text, &listening_addr, &why), 0);
	listening = (struct bound_socket){.listen.fd = fd};
	ck_assert_int_eq(proxy_listen(&house.proxy, house.shared.generation, &listening), 0);
}

static void teardown(void)
{
	side_close(&bystander);
	server_close(&bystander_server);
	loop_until(house.proxy.part.n_sessions == 0);
	house_close(&house);
	fixture_teardown();
}

static void client_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &listening_addr.sa.any, listening_addr.sa_len), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	client = (struct side){.kind = WIRE_TCP, .fd = fd, .near = -1, .in.fd = -1};
	sender_init(&client.out);
	side_receive(&client);
}

static void set_servers(const struct life *life)
{
	char by_name[80];

	house_clear_servers(&house);
	for (size_t i = 0; i < 2 && life->first_servers[i] != NULL; i++) {
		house_add_server(&house, life->first_servers[i]);
	}
	if (life->by_name) {
		(void)snprintf(
			by_name, sizeof(by_name), "localhost%s", strrchr(server.address, ':'));
		house_add_server(&house, by_name);
	} else {
		house_add_server(&house, server.address);
	}
}

static void assert_bystander_relays(void)
{
	struct side *far = &bystander_server.side;

	side_send(&bystander, 10);
	side_send(far, 10);
	loop_until(far->in.n_received == bystander.out.n_sent &&
		   bystander.in.n_received == far->out.n_sent);
}

/**
 * Lives one life in which the n-th call fails. Returns whether there were so many calls.
 * `*ret_good`: the server got its bytes.
 */
static bool live_with_fault(const struct life *life, unsigned n, bool *ret_good)
{
	struct resolver *fresh = NULL; /* it has no answer yet */
	size_t n_before = house.n_before;
	const char *what;
	char *before;
	char *after;
	bool met;

	before = fixture_fds();
	server_open(&server, life->server_kind);
	client_connect();
	fault_arm(n);
	if (life->by_name) {
		fresh = resolver_new(test_loop, NULL);
		house.shared.groups.servers.resolver =
			fresh == NULL ? house.shared.resolver : fresh;
	}
	set_servers(life);
	if (fresh != NULL || !life->by_name) {
		life->live(); /* else the client waits in the accept queue, and is accepted below */
	}
	met = fault_disarm();
	what = met ? fault_met() : "nothing";
	*ret_good = server.side.in.n_received >= SMALL;

	loop_until(client.fd < 0 || client.in.ended || client.in.error != 0 ||
		   house.proxy.part.n_sessions == 2);
	side_close(&client);
	server_close(&server);
	loop_until(house.proxy.part.n_sessions == 1);
	loop_settle();
	if (life->by_name) {
		/* Servers that have a name from this resolver must be gone before it is freed. */
		house_clear_servers(&house);
		house_forget(&house, n_before + 2);
		loop_until(fresh == NULL || resolver_lookups(fresh) == 0);
		resolver_free(fresh);
		house.shared.groups.servers.resolver = house.shared.resolver;
	}
	ck_assert_msg(limit_taken(&house.shared.places.pairs) == 1 && house_pairs(&house, 0) == 0,
		"%s, call %u (%s): a place is lost", life->name, n, what);
	after = fixture_fds();
	ck_assert_msg(strcmp(before, after) == 0, "%s, call %u (%s): fds were%s, are%s", life->name,
		n, what, before, after);
	free(before);
	free(after);
	assert_bystander_relays();
	return met;
}

START_TEST(a_life_with_any_call_failing_costs_nothing_but_itself)
{
	const struct life *life = &lives[_i];
	bool good = false;
	unsigned n = 1;

	while (live_with_fault(life, n, &good)) {
		n++;
		ck_assert_uint_lt(n, FAULTS_MAX);
	}
	ck_assert_msg(good, "%s fails without a fault", life->name);
	ck_assert_uint_gt(n, 10); /* there were calls to fail */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_faults");
	TCase *tc = tcase_create("proxy_faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, a_life_with_any_call_failing_costs_nothing_but_itself, 0, LIVES);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
