/* SPDX-License-Identifier: ISC */
/* What a controller and a serving end send each other: durations, as their clocks differ. */
#include "load/told.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "load/secret.h"
#include "suite.h"

enum { CLIENTS = 4, SERVERS = 6 };

/** The clock of the serving end is eleven days ahead of its controller's. */
#define HERE_NS  ((uint64_t)3600 * NS_PER_S)
#define THERE_NS ((uint64_t)1000000 * NS_PER_S)

/** One of the two processes. */
struct host {
	struct options options;
	struct lane lane;
	struct conn clients[CLIENTS];
	struct conn servers[SERVERS];
	struct run run;
};

static struct host here;
static struct host there;
static char why[OPTIONS_WHY_MAX];

static void host_init(struct host *host, const char *scenario, uint64_t began_ns)
{
	memset(host, 0, sizeof(*host));
	ck_assert_int_eq(options_begin(&host->options, scenario_find(scenario), 0, NULL, why), 0);
	host->options.n_connections = CLIENTS;
	host->options.wait_ns = NS_PER_S;
	host->options.connect_wait_ns = NS_PER_S;
	host->options.has_serve = true;
	host->options.is_apart = true;
	host->options.has_remote = host == &here;
	host->run = (struct run){
		.options = &host->options,
		.lanes = &host->lane,
		.clients = host->clients,
		.servers = host->servers,
		.n_servers_max = SERVERS,
		.began_ns = began_ns,
	};
	atomic_store(&host->run.n_servers, SERVERS);
	host->lane.run = &host->run;
}

static void setup(void)
{
	host_init(&here, "halfclose", HERE_NS);
	host_init(&there, "halfclose", THERE_NS);
	/* The server's connection 2 is the client's 3, and was closed in time. */
	there.servers[2] = (struct conn){
		.lane = &there.lane,
		.state = CONN_OVER,
		.is_server = true,
		.end = CONN_END_RST,
		.verdict = VERDICT_ON_TIME,
		.error = -104,
		.open_ns = THERE_NS + 10,
		.sent_ns = THERE_NS + 20,
		.over_ns = THERE_NS + NS_PER_S,
		.late_ns = 5000,
		.after_ns = NS_PER_S,
		.n_sent = 8,
		.n_read = 9,
	};
	conn_match(&there.clients[3], &there.servers[2]);
}

static void teardown(void)
{
	options_fini(&here.options);
	options_fini(&there.options);
}

START_TEST(an_end_keeps_its_durations_over_clocks_that_differ)
{
	const struct conn *end = &here.servers[2];
	json_t *told = told_end(&there.run, 2);

	ck_assert_int_eq(told_read_end(told, &here.run), 0);
	ck_assert_uint_eq(end->open_ns, HERE_NS + 10);
	ck_assert_uint_eq(end->over_ns - end->sent_ns, NS_PER_S - 20);
	ck_assert_uint_eq(end->fin_ns, 0);
	ck_assert_int_eq(end->late_ns, 5000);
	ck_assert_int_eq(end->verdict, VERDICT_ON_TIME);
	ck_assert_int_eq(end->end, CONN_END_RST);
	ck_assert_int_eq(end->error, -104);
	ck_assert_ptr_eq(conn_mate(end), &here.clients[3]);
	ck_assert_ptr_eq(conn_mate(&here.clients[3]), end);
	ck_assert_ptr_nonnull(end->script);
	/* A second result for the same connection is refused. */
	ck_assert_int_lt(told_read_end(told, &here.run), 0);
	json_decref(told);
}
END_TEST

static void change(json_t *array, size_t part, json_int_t value)
{
	(void)json_array_set_new(array, part, json_integer(value));
}

START_TEST(an_end_that_does_not_fit_changes_nothing)
{
	static const struct {
		size_t part;
		json_int_t value;
	} bad[] = {{0, -1}, {0, SERVERS}, {1, CLIENTS + 1}, {1, -1}, {2, 0}, {2, -5}, {5, 0},
		{5, INT64_MAX}, {7, INT64_MIN}, {7, -1}, {9, -1}, {13, -1}, {13, 5000}, {14, 0},
		{14, 5}, {15, VERDICTS}, {15, VERDICT_FAILED}, {16, 4}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *told = told_end(&there.run, 2);

		change(told, bad[i].part, bad[i].value);
		ck_assert_msg(told_read_end(told, &here.run) < 0, "%zu", i);
		json_decref(told);
	}
	ck_assert_int_eq(here.servers[2].state, CONN_UNUSED);
	ck_assert_ptr_null(conn_mate(&here.clients[3]));
}
END_TEST

START_TEST(who_is_over_is_told_once_and_known_by_its_mate)
{
	json_t *told = told_over(&there.run);

	ck_assert_uint_eq(json_array_size(told), 1);
	ck_assert_int_eq(told_read_over(told, &here.run), 0);
	ck_assert(conn_is_over(conn_mate(&here.clients[3])));
	json_decref(told);
	told = told_over(&there.run);
	ck_assert_uint_eq(json_array_size(told), 0);
	json_decref(told);
}
END_TEST

START_TEST(a_client_that_is_over_is_told_too)
{
	json_t *told;

	atomic_store(&here.clients[3].over_ns, HERE_NS + 5);
	told = told_over(&here.run);
	ck_assert_int_eq(told_read_over(told, &there.run), 0);
	ck_assert(conn_is_over(&there.clients[3]));
	json_decref(told);
	told = json_pack("[i]", CLIENTS);
	ck_assert_int_lt(told_read_over(told, &there.run), 0);
	json_decref(told);
}
END_TEST

START_TEST(a_run_is_told_to_the_nanosecond)
{
	struct options read;
	json_t *told;

	here.options.expect_ns = 1234567891;
	here.options.side = SIDE_SERVER;
	here.options.busy_share = 12.5;
	here.run.nonce = 200;
	told = told_run(&here.run);
	ck_assert_int_eq(options_begin(&read, scenario_find("serve"), 0, NULL, why), 0);
	ck_assert_msg(told_read_run(told, &read, why) == 0, "%s", why);
	ck_assert_uint_eq(read.expect_ns, 1234567891);
	ck_assert(read.max_late_ns == NS_NEVER);
	ck_assert_uint_eq(read.side, SIDE_SERVER);
	ck_assert_int_eq(read.nonce, 200);
	ck_assert(read.busy_share > 12.49 && read.busy_share < 12.51);
	ck_assert(options_obeys(&read));
	options_fini(&read);
	json_decref(told);
}
END_TEST

START_TEST(only_an_object_is_a_line)
{
	static const char *const bad[] = {"", "1", "[]", "null", "{", "{} {}", "{\"a\":1,\"a\":2}"};
	json_t *object = told_parse("{\"a\":1}", 7);
	char *line = told_line(object);

	ck_assert_str_eq(line, "{\"a\":1}\n");
	free(line);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_ptr_null(told_parse(bad[i], strlen(bad[i])));
	}
}
END_TEST

/* ---- the secret ---- */

START_TEST(a_proof_is_of_one_secret_one_challenge_and_one_nonce)
{
	static const char *const secrets[] = {"sixteen bytes or more", "another one of as many"};
	char drawn[2][SECRET_DRAWN_MAX];
	char proofs[4][SECRET_PROOF_MAX];

	ck_assert_int_eq(secret_draw(drawn[0]), 0);
	ck_assert_int_eq(secret_draw(drawn[1]), 0);
	ck_assert(secret_is_drawn(drawn[0]) && secret_is_drawn(drawn[1]));
	ck_assert_str_ne(drawn[0], drawn[1]);
	ck_assert_int_eq(secret_prove(secrets[0], drawn[0], drawn[1], proofs[0]), 0);
	ck_assert_int_eq(secret_prove(secrets[1], drawn[0], drawn[1], proofs[1]), 0);
	ck_assert_int_eq(secret_prove(secrets[0], drawn[1], drawn[1], proofs[2]), 0);
	ck_assert_int_eq(secret_prove(secrets[0], drawn[0], drawn[0], proofs[3]), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_ptr_null(strstr(proofs[i], secrets[0]));
		for (int j = 0; j < 4; j++) {
			ck_assert_int_eq(secret_is_same(proofs[i], proofs[j]), i == j);
		}
	}
	ck_assert_int_eq(secret_prove(secrets[0], drawn[0], drawn[1], proofs[1]), 0);
	ck_assert(secret_is_same(proofs[0], proofs[1]));
	proofs[1][strlen(proofs[1]) - 1] = '\0';
	ck_assert(!secret_is_same(proofs[0], proofs[1]));
}
END_TEST

START_TEST(what_is_drawn_is_hex_of_its_length)
{
	static const char *const bad[] = {"", "0", "0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcdeg",
		"0123456789ABCDEF0123456789ABCDEF"};

	ck_assert(secret_is_drawn("0123456789abcdef0123456789abcdef"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert(!secret_is_drawn(bad[i]));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_told");
	TCase *tc = tcase_create("told");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_end_keeps_its_durations_over_clocks_that_differ);
	tcase_add_test(tc, an_end_that_does_not_fit_changes_nothing);
	tcase_add_test(tc, who_is_over_is_told_once_and_known_by_its_mate);
	tcase_add_test(tc, a_client_that_is_over_is_told_too);
	tcase_add_test(tc, a_run_is_told_to_the_nanosecond);
	tcase_add_test(tc, only_an_object_is_a_line);
	tcase_add_test(tc, a_proof_is_of_one_secret_one_challenge_and_one_nonce);
	tcase_add_test(tc, what_is_drawn_is_hex_of_its_length);
	return suite_run(suite);
}
