/* SPDX-License-Identifier: ISC */
/*
 * Tests of which route takes a client, and of what weir must know of the client to choose. A model
 * looks at every route.
 */
#include "proxy/routes.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/prefixes.h"
#include "conf/conf.h"
#include "fault.h"
#include "proto/client_hello.h"
#include "proxy/access.h"
#include "proxy/session_peer.h"
#include "suite.h"

enum { ROUTES_MAX = 24, TEXTS_MAX = 3, TABLES = 400, CLIENTS = 60 };

/* ---- counting ---- */

static unsigned n_asked; /* how many sets of prefixes or names were searched */

bool __real_prefixes_has(const struct prefixes *set, const struct sockaddr *sa);
bool __wrap_prefixes_has(const struct prefixes *set, const struct sockaddr *sa);
bool __wrap_prefixes_has(const struct prefixes *set, const struct sockaddr *sa)
{
	n_asked++;
	return __real_prefixes_has(set, sa);
}

/* ---- routes as a config has them ---- */

static struct conf_route routes[ROUTES_MAX];
static char *sni[ROUTES_MAX][TEXTS_MAX];
static char *alpn[ROUTES_MAX][TEXTS_MAX];
static size_t n_routes;

static void setup(void)
{
	memset(routes, 0, sizeof(routes));
	n_routes = 0;
	n_asked = 0;
}

static void add_text(char **texts, size_t *n, char **ret_texts[], const char *text)
{
	ck_assert_uint_lt(*n, TEXTS_MAX);
	texts[(*n)++] = (char *)text;
	*ret_texts = texts;
}

static struct conf_route *add_route(const struct conf_prefixes *from)
{
	struct conf_route *route = &routes[n_routes++];

	ck_assert_uint_le(n_routes, ROUTES_MAX);
	*route = (struct conf_route){.from = from};
	return route;
}

static void add_sni(struct conf_route *route, const char *name)
{
	add_text(sni[route - routes], &route->n_sni, &route->sni, name);
}

static void add_alpn(struct conf_route *route, const char *protocol)
{
	add_text(alpn[route - routes], &route->n_alpn, &route->alpn, protocol);
}

static struct conf_route *named(const char *name)
{
	struct conf_route *route = add_route(NULL);

	add_sni(route, name);
	return route;
}

/* ---- clients ---- */

struct client {
	union session_peer address;
	uint8_t alpn[64];
	struct route_facts facts;
};

static struct client client_at(const char *address)
{
	struct client client = {.facts.seen = ROUTE_SEEN_NOTHING};
	struct addr addr;
	const char *why;

	if (strcmp(address, "unix") == 0) {
		client.address.family = AF_UNIX;
	} else if (address[0] != '\0') {
		ck_assert_int_eq(addr_parse(address, &addr, &why), 0);
		memcpy(&client.address, &addr.sa, addr.sa_len);
	}
	return client;
}

static void offer(struct client *client, const char *protocol)
{
	size_t n = strlen(protocol);

	client->alpn[client->facts.alpn.n++] = (uint8_t)n;
	memcpy(client->alpn + client->facts.alpn.n, protocol, n);
	client->facts.alpn.n += n;
}

static struct client hello(const char *name)
{
	struct client client = client_at("127.0.0.1:1");

	client.facts.seen = ROUTE_SEEN_HELLO;
	if (name != NULL) {
		client.facts.name = (struct span){(const uint8_t *)name, strlen(name)};
	}
	return client;
}

/** Makes a table that is the only owner of its lists. */
static struct routes *make(const struct conf_route *conf, size_t n)
{
	struct peer_lists lists = {0};
	struct routes *made = routes_new(conf, n, &lists);

	peer_lists_fini(&lists);
	return made;
}

/** The result of find(): the route's number, from 0 on, or one of these. */
enum { NONE = -1, FIRST_BYTE = -2, HELLO = -3 };

static int find(const struct routes *made, const struct client *client)
{
	struct route_facts facts = client->facts;
	size_t route = 12345;

	facts.client = &client->address;
	if (facts.alpn.n > 0) {
		facts.alpn.bytes = client->alpn;
	}
	switch (routes_find(made, &facts, &route)) {
	case ROUTE_TAKEN:
		return (int)route;
	case ROUTE_NONE:
		ck_assert_uint_eq(route, 12345);
		return NONE;
	case ROUTE_NEEDS_FIRST_BYTE:
		return FIRST_BYTE;
	case ROUTE_NEEDS_HELLO:
		return HELLO;
	}
	ck_abort();
}

/** As find(), in a table of the current routes. */
static int found(const struct client *client)
{
	struct routes *made = make(routes, n_routes);
	int route;

	ck_assert_ptr_nonnull(made);
	route = find(made, client);
	routes_free(made);
	return route;
}

static int found_name(const char *name)
{
	struct client client = hello(name);

	return found(&client);
}

/* ---- names ---- */

START_TEST(a_name_is_exact_or_below_another)
{
	named("a.test");
	named("*.b.test");
	named("c.b.test");
	ck_assert_int_eq(found_name("a.test"), 0);
	ck_assert_int_eq(found_name("x.a.test"), NONE);
	ck_assert_int_eq(found_name("aa.test"), NONE);
	ck_assert_int_eq(found_name("b.test"), NONE); /* "*" stands for one label at least */
	ck_assert_int_eq(found_name(".b.test"), NONE);
	ck_assert_int_eq(found_name("xb.test"), NONE);
	ck_assert_int_eq(found_name("x.b.test"), 1);
	ck_assert_int_eq(found_name("y.x.b.test"), 1);
	ck_assert_int_eq(found_name("c.b.test"), 1);
	ck_assert_int_eq(found_name("test"), NONE);
	ck_assert_int_eq(found_name(NULL), NONE);
	ck_assert_int_eq(found_name("*.b.test"), 1); /* "*" is a label like any other */
}
END_TEST

START_TEST(case_is_nothing_and_a_dot_at_the_end_is_something)
{
	named("web.test");
	named("*.z.test");
	ck_assert_int_eq(found_name("wEB.teST"), 0);
	ck_assert_int_eq(found_name("X.Z.TEST"), 1);
	ck_assert_int_eq(found_name("web.test."), NONE);
	ck_assert_int_eq(found_name("web\xc4test"), NONE);
}
END_TEST

START_TEST(the_longest_name_is_found)
{
	char name[CLIENT_HELLO_NAME_MAX + 1];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 1; i < sizeof(name) - 1; i += 2) {
		name[i] = '.';
	}
	named("*.x.x.x");
	ck_assert_int_eq(found_name(name), 0);
}
END_TEST

/* ---- alpn and addresses ---- */

START_TEST(any_protocol_that_both_know_will_do)
{
	struct conf_route *route = add_route(NULL);
	struct client client = hello("a.test");

	add_alpn(route, "h2");
	add_alpn(route, "x");
	add_alpn(named("a.test"), "http/1.1");
	ck_assert_int_eq(found(&client), NONE);
	offer(&client, "http/1.1");
	ck_assert_int_eq(found(&client), 1);
	offer(&client, "h2");
	ck_assert_int_eq(found(&client), 0);
	client = hello(NULL);
	offer(&client, "h2c");
	ck_assert_int_eq(found(&client), NONE);
	client = hello(NULL);
	offer(&client, "H2"); /* protocols are compared as bytes (RFC 7301) */
	ck_assert_int_eq(found(&client), NONE);
}
END_TEST

static struct prefix here[] = {{.bytes = {127}, .bits = 8}};
static struct prefix there[] = {{.bytes = {10}, .bits = 8}};
static struct prefix far[] = {{.bytes = {0x20, 0x01}, .bits = 16, .is_v6 = true}};
static const struct conf_prefixes lists[] = {
	{.prefixes = here, .n = 1},
	{.prefixes = there, .n = 1},
	{.prefixes = far, .n = 1, .unix_peers = true},
	{.any = true},
	{.n = 0},
};

enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static const char *const addresses[] = {"127.0.0.1:5", "10.1.2.3:5", "[2001:db8::1]:5",
	"[::ffff:10.0.0.1]:5", "[::1]:5", "unix", ""};

enum { ADDRESSES = sizeof(addresses) / sizeof(addresses[0]) };

START_TEST(who_is_meant_is_said_by_address_or_unix_or_any)
{
	static const bool fit[LISTS][ADDRESSES] = {
		{1, 0, 0, 0, 0, 0, 0},
		{0, 1, 0, 1, 0, 0, 0},
		{0, 0, 1, 0, 0, 1, 0},
		{1, 1, 1, 1, 1, 1, 1},
		{0, 0, 0, 0, 0, 0, 0},
	};
	struct client client = client_at(addresses[_i % ADDRESSES]);

	add_route(&lists[_i / ADDRESSES]);
	ck_assert_int_eq(found(&client), fit[_i / ADDRESSES][_i % ADDRESSES] ? 0 : NONE);
}
END_TEST

/* ---- what must be known ---- */

START_TEST(nobody_waits_for_a_look_that_decides_nothing)
{
	struct client client = client_at("127.0.0.1:1");
	struct client stranger = client_at("10.0.0.1:1");

	add_route(&lists[0]);
	named("a.test")->from = &lists[1];
	add_route(NULL);
	ck_assert_int_eq(found(&client), 0);
	ck_assert_int_eq(found(&stranger), FIRST_BYTE);
	stranger.facts.seen = ROUTE_SEEN_TLS;
	ck_assert_int_eq(found(&stranger), HELLO);
	stranger.facts.seen = ROUTE_SEEN_PLAIN;
	ck_assert_int_eq(found(&stranger), 2);
	stranger.facts.seen = ROUTE_SEEN_HELLO;
	ck_assert_int_eq(found(&stranger), 2);
	client = client_at("[::1]:1"); /* the route with the name is for other addresses */
	ck_assert_int_eq(found(&client), 2);
}
END_TEST

START_TEST(who_speaks_no_tls_takes_no_route_that_looks)
{
	struct client client = client_at("127.0.0.1:1");

	named("a.test");
	ck_assert_int_eq(found(&client), FIRST_BYTE);
	client.facts.seen = ROUTE_SEEN_PLAIN;
	ck_assert_int_eq(found(&client), NONE);
}
END_TEST

/* ---- a model ---- */

static bool model_is_from(const struct conf_prefixes *from, const struct client *client)
{
	struct prefixes *set;
	bool has;

	if (from == NULL || from->any) {
		return true;
	}
	if (client->address.family == AF_UNIX) {
		return from->unix_peers;
	}
	set = prefixes_new(from->prefixes, from->n);
	has = __real_prefixes_has(set, (const struct sockaddr *)&client->address);
	prefixes_free(set);
	return has;
}

static bool model_has_name(const struct conf_route *route, const struct client *client)
{
	char name[CLIENT_HELLO_NAME_MAX + 1];
	size_t n = client->facts.name.n;

	(void)snprintf(name, sizeof(name), "%.*s", (int)n, (const char *)client->facts.name.bytes);
	for (size_t i = 0; i < route->n_sni; i++) {
		const char *wanted = route->sni[i];
		size_t tail = strlen(wanted) - 1;

		if (n > 0 && strcasecmp(wanted, name) == 0) {
			return true;
		}
		if (wanted[0] == '*' && n > tail && strcasecmp(name + n - tail, wanted + 1) == 0) {
			return true;
		}
	}
	return route->n_sni == 0;
}

static bool model_has_protocol(const struct conf_route *route, const struct client *client)
{
	for (size_t i = 0; i < route->n_alpn; i++) {
		size_t n = strlen(route->alpn[i]);

		for (size_t at = 0; at < client->facts.alpn.n; at += 1u + client->alpn[at]) {
			if (client->alpn[at] == n &&
				memcmp(client->alpn + at + 1, route->alpn[i], n) == 0) {
				return true;
			}
		}
	}
	return route->n_alpn == 0;
}

static int model(const struct client *client)
{
	for (size_t i = 0; i < n_routes; i++) {
		const struct conf_route *route = &routes[i];
		bool looks = route->n_sni > 0 || route->n_alpn > 0;

		if (!model_is_from(route->from, client) ||
			(looks && client->facts.seen == ROUTE_SEEN_PLAIN)) {
			continue;
		}
		if (looks && client->facts.seen != ROUTE_SEEN_HELLO) {
			return client->facts.seen == ROUTE_SEEN_NOTHING ? FIRST_BYTE : HELLO;
		}
		if (!looks ||
			(model_has_name(route, client) && model_has_protocol(route, client))) {
			return (int)i;
		}
	}
	return NONE;
}

static const char *const names[] = {"a", "b.a", "*.a", "*.b.a", "c.b.a", "*.c.b.a", "b", "*.b",
	"a.b", "c.a", "b.b.a", "c.b.a.a", "*.a.a"};
static const char *const protocols[] = {"h2", "http/1.1", "x"};

#define PICK(list) ((list)[(unsigned)random() % (sizeof(list) / sizeof((list)[0]))])

static void random_route(void)
{
	unsigned kind = (unsigned)random() % 16;
	struct conf_route *route = add_route(random() % 3 == 0 ? &PICK(lists) : NULL);

	if (kind > 1) {
		do {
			add_sni(route, PICK(names));
		} while (route->n_sni < TEXTS_MAX && random() % 2 == 0);
	}
	if (kind == 1 || kind % 4 == 2) {
		add_alpn(route, PICK(protocols));
	}
}

static struct client random_client(void)
{
	struct client client = client_at(PICK(addresses));

	client.facts.seen = random() % 3 == 0 ? (enum route_seen)(random() % 3) : ROUTE_SEEN_HELLO;
	if (client.facts.seen == ROUTE_SEEN_HELLO) {
		const char *name = random() % 4 == 0 ? "C.B.a" : PICK(names);

		if (random() % 8 != 0) {
			client.facts.name = (struct span){(const uint8_t *)name, strlen(name)};
		}
		while (random() % 2 == 0 && client.facts.alpn.n < 32) {
			offer(&client, PICK(protocols));
		}
	}
	return client;
}

START_TEST(it_answers_as_a_model_does_that_looks_at_all_in_order)
{
	unsigned n_taken = 0;

	srandom(1);
	for (unsigned t = 0; t < TABLES; t++) {
		unsigned n = 1 + (unsigned)random() % ROUTES_MAX;
		struct routes *made;

		setup();
		for (unsigned i = 0; i < n; i++) {
			random_route();
		}
		made = make(routes, n_routes);
		ck_assert_ptr_nonnull(made);
		for (unsigned i = 0; i < CLIENTS; i++) {
			struct client client = random_client();
			int is = find(made, &client);

			ck_assert_msg(is == model(&client), "table %u client %u: %d, not %d", t, i,
				is, model(&client));
			n_taken += is > 0;
		}
		routes_free(made);
	}
	ck_assert_uint_gt(n_taken, TABLES);
}
END_TEST

/* ---- many ---- */

enum { MANY = 10000 };

START_TEST(of_ten_thousand_routes_few_are_looked_at)
{
	struct conf_route *many = calloc(MANY, sizeof(*many));
	char(*texts)[32] = calloc(MANY, sizeof(*texts));
	char **text = calloc(MANY, sizeof(*text));
	struct client client = client_at("127.0.0.1:1");
	struct routes *made;

	for (int i = 0; i < MANY; i++) {
		text[i] = texts[i];
		(void)snprintf(texts[i], sizeof(texts[i]), "%sn%d.test", i % 2 == 0 ? "" : "*.", i);
		many[i] = (struct conf_route){.sni = &text[i], .n_sni = 1, .from = &lists[i % 2]};
	}
	made = make(many, MANY);
	ck_assert_ptr_nonnull(made);
	ck_assert_int_eq(find(made, &client), FIRST_BYTE);
	client.facts.seen = ROUTE_SEEN_HELLO;
	for (int i = 0; i < MANY; i += 2) {
		client.facts.name = (struct span){(const uint8_t *)texts[i], strlen(texts[i])};
		ck_assert_int_eq(find(made, &client), i);
	}
	ck_assert_uint_le(n_asked, 1 + MANY / 2);
	client = client_at("[::1]:1");
	n_asked = 0;
	/* No route is for this address: one search says so. */
	ck_assert_int_eq(find(made, &client), NONE);
	ck_assert_uint_eq(n_asked, 1);
	routes_free(made);
	free(text);
	free(texts);
	free(many);
}
END_TEST

START_TEST(a_table_that_cannot_be_made_leaves_nothing)
{
	struct client client = hello("a.test");
	struct routes *made = NULL;
	unsigned n = 0;

	add_alpn(named("a.test"), "h2");
	routes[0].from = &lists[0];
	named("*.a.test")->from = &lists[1];
	add_route(&lists[0]);
	named("a.test");
	do {
		fault_arm(++n);
		made = make(routes, n_routes);
		ck_assert(fault_disarm() == (made == NULL));
	} while (made == NULL);
	ck_assert_uint_gt(n, 10);
	ck_assert_int_eq(find(made, &client), 2);
	routes_free(made);
	ck_assert_ptr_null(routes_free(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes");
	TCase *tc = tcase_create("routes");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_name_is_exact_or_below_another);
	tcase_add_test(tc, case_is_nothing_and_a_dot_at_the_end_is_something);
	tcase_add_test(tc, the_longest_name_is_found);
	tcase_add_test(tc, any_protocol_that_both_know_will_do);
	tcase_add_loop_test(
		tc, who_is_meant_is_said_by_address_or_unix_or_any, 0, LISTS * ADDRESSES);
	tcase_add_test(tc, nobody_waits_for_a_look_that_decides_nothing);
	tcase_add_test(tc, who_speaks_no_tls_takes_no_route_that_looks);
	tcase_add_test(tc, it_answers_as_a_model_does_that_looks_at_all_in_order);
	tcase_add_test(tc, of_ten_thousand_routes_few_are_looked_at);
	tcase_add_test(tc, a_table_that_cannot_be_made_leaves_nothing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
