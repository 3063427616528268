/* SPDX-License-Identifier: ISC */
/*
 * Tests of the queue of a group against a model that is too simple to be wrong. At random, clients
 * come, fail over, go, leave the queue or have waited too long, and the set of servers changes. The
 * test compares which clients are called, in which order, and which server each one has. It does so
 * not after each act, but when all posted calls have run: so clients also leave the queue while a
 * call to them is on its way.
 */
#include <netinet/in.h>
#include <string.h>

#include "fixture.h"
#include "queue_rig.h"
#include "suite.h"

enum { SEEDS = 40, ACTS = 1000, TIME_MAX = 40 };

enum state { IDLE, HAS, WAITS };

static struct model {
	enum state state;
	bool is_told;   /* its call may still be on its way */
	size_t server;  /* if it HAS one */
	unsigned tried; /* a bit for each server */
	unsigned until; /* if it WAITS: it leaves then */
} model[QUEUE_CLIENTS_MAX];

static size_t queue[QUEUE_CLIENTS_MAX]; /* clients that wait, in the order in which they came */
static size_t n_queue;
static size_t n_servers;
static unsigned n_used[QUEUE_SERVERS_MAX];
static unsigned n_places;
static unsigned queue_max;
static unsigned now;
static struct member *kept[QUEUE_SERVERS_MAX];
static char expected[QUEUE_CLIENTS_MAX + 1]; /* clients to be called, in this order */

static uint64_t seed;

static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* ---- the model ---- */

static bool has_tried_all(const struct model *client)
{
	return (~client->tried & ((1u << n_servers) - 1)) == 0;
}

/** The first free server that it has not tried. */
static size_t find_free(const struct model *client)
{
	for (size_t s = 0; s < n_servers; s++) {
		if ((client->tried & 1u << s) == 0 && n_used[s] < n_places) {
			return s;
		}
	}
	return SIZE_MAX;
}

/** The client gets a server, or has tried all. Returns false if it must wait. */
static bool settle(struct model *client)
{
	size_t server = find_free(client);

	if (server == SIZE_MAX && !has_tried_all(client)) {
		return false;
	}
	client->state = server == SIZE_MAX ? IDLE : HAS;
	client->server = server;
	n_used[server == SIZE_MAX ? 0 : server] += server == SIZE_MAX ? 0 : 1;
	return true;
}

static void take_out(size_t at)
{
	memmove(&queue[at], &queue[at + 1], (n_queue - at - 1) * sizeof(queue[0]));
	n_queue--;
}

static void serve(void)
{
	for (size_t at = 0; at < n_queue;) {
		struct model *client = &model[queue[at]];

		if (!settle(client)) {
			at++;
			continue;
		}
		client->is_told = true;
		expected[strlen(expected)] = (char)('0' + queue[at]);
		take_out(at);
	}
}

static void forget_told(size_t i)
{
	char *at = strchr(expected, (int)('0' + i));

	ck_assert_ptr_nonnull(at);
	memmove(at, at + 1, strlen(at));
	model[i].is_told = false;
}

/* ---- acts, on the queue and on the model ---- */

static void forget_tried(size_t i)
{
	model[i].tried = 0;
	group_tried_clear(&clients[i].tried);
}

static void come(size_t i)
{
	struct model *client = &model[i];
	enum group_answer said = client_ask(&clients[i]);

	if (settle(client)) {
		ck_assert_int_eq(said, client->state == HAS ? GROUP_SERVER : GROUP_EXHAUSTED);
	} else if (n_queue >= queue_max) {
		ck_assert_int_eq(said, GROUP_QUEUE_FULL);
	} else {
		ck_assert_int_eq(said, GROUP_FULL);
		client->state = WAITS;
		client->until = now + 1 + chance(TIME_MAX);
		queue[n_queue++] = i;
	}
	if (client->state == IDLE) {
		forget_tried(i);
	}
}

static void go(size_t i)
{
	give(&clients[i]);
	model[i].state = IDLE;
	n_used[model[i].server]--;
	serve();
}

/** The client acts as a session whose server does not answer. */
static void fail_over(size_t i)
{
	size_t server = model[i].server;

	ck_assert_int_eq(group_tried_add(&clients[i].tried, clients[i].member->server), 0);
	model[i].tried |= 1u << server;
	go(i);
	come(i);
}

static void leave(size_t i)
{
	struct model *client = &model[i];

	group_wait_no_more(group, &clients[i].waiter);
	if (client->is_told) {
		forget_told(i);
		if (client->state == HAS) {
			n_used[client->server]--;
		}
	} else {
		size_t at = 0;

		while (queue[at] != i) {
			at++;
		}
		take_out(at);
	}
	client->state = IDLE;
	forget_tried(i);
	serve();
}

static void pass_time(void)
{
	now += chance(TIME_MAX);
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		if (model[i].state == WAITS && model[i].until <= now) {
			leave(i);
		}
	}
}

static void change(void)
{
	n_servers = 1 + chance(QUEUE_SERVERS_MAX);
	n_places = 1 + chance(3);
	queue_max = chance(6);
	begin(n_servers, n_places, queue_max);
	serve();
}

/** Runs all posted calls: now queue and model must agree. */
static void compare(void)
{
	loop_settle();
	ck_assert_str_eq(order, expected);
	memset(order, 0, sizeof(order));
	memset(expected, 0, sizeof(expected));
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		struct model *client = &model[i];

		ck_assert_int_eq(clients[i].member != NULL, client->state == HAS);
		if (client->state == HAS) {
			const struct server *server = clients[i].member->server;

			ck_assert_uint_eq(ntohs(server->addr.sa.in.sin_port), client->server + 1);
			ck_assert_uint_eq(server->n_open, n_used[client->server]);
		}
		if (client->is_told && client->state == IDLE) {
			ck_assert_int_eq(clients[i].said, GROUP_EXHAUSTED);
			forget_tried(i);
		}
		client->is_told = false;
	}
	ck_assert_uint_eq(group->queue.n_waiting, n_queue);
}

static void act(void)
{
	size_t i = chance(QUEUE_CLIENTS_MAX);
	struct model *client = &model[i];
	unsigned what = chance(20);

	if (what == 0) {
		change();
	} else if (what == 1) {
		pass_time();
	} else if (client->is_told || client->state == WAITS) {
		if (what < 5) {
			leave(i);
		}
	} else if (client->state == IDLE) {
		come(i);
	} else if (what < 12) {
		go(i);
	} else {
		fail_over(i);
	}
	if (what % 3 != 0) {
		compare();
	}
}

START_TEST(it_does_as_the_model_does)
{
	memset(model, 0, sizeof(model));
	memset(n_used, 0, sizeof(n_used));
	memset(expected, 0, sizeof(expected));
	n_queue = 0;
	seed = (uint64_t)_i + 1;
	/* A server that nobody holds any more would come back as a new one. */
	begin(QUEUE_SERVERS_MAX, 1, 0);
	for (size_t s = 0; s < QUEUE_SERVERS_MAX; s++) {
		kept[s] = member_ref(plan->members[s]);
	}
	change();
	for (unsigned n = 0; n < ACTS; n++) {
		act();
	}
	compare();
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		if (model[i].state == WAITS) {
			leave(i);
		}
	}
	compare();
	for (size_t s = 0; s < QUEUE_SERVERS_MAX; s++) {
		kept[s] = member_unref(kept[s]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue_model");
	TCase *tc = tcase_create("model");

	tcase_add_checked_fixture(tc, queue_rig_setup, queue_rig_teardown);
	tcase_add_loop_test(
		tc, it_does_as_the_model_does, 0, SUITE_IS_SANITIZED ? SEEDS / 4 : SEEDS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
