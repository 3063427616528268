/* SPDX-License-Identifier: ISC */
/*
 * Tests of what a source of clients may have: by hand, against a model, without memory, and with
 * four workers.
 */
#include "proxy/source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/clock.h"
#include "fault.h"
#include "suite.h"

enum { MAX = 64 * 1024 };

static struct sources_list list;
static struct sources *sources;
static uint64_t now_ns; /* the tests set it */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static void set_up(void)
{
	sources_list_init(&list);
	sources = sources_new(&list, MAX);
	ck_assert_ptr_nonnull(sources);
	now_ns = 1000 * (uint64_t)NS_PER_S;
}

static void tear_down(void)
{
	sources = sources_free(sources);
	ck_assert(list_empty(&list.all));
}

static union address v4(uint32_t number)
{
	union address address = {.in.sin_family = AF_INET};

	address.in.sin_addr.s_addr = htonl(number);
	return address;
}

static union address address_of(const char *text)
{
	union address address = {.in.sin_family = AF_INET};

	if (strchr(text, ':') != NULL) {
		address.any.sa_family = AF_INET6;
		ck_assert_int_eq(inet_pton(AF_INET6, text, &address.in6.sin6_addr), 1);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET, text, &address.in.sin_addr), 1);
	}
	return address;
}

static struct source_rules rules_of(uint32_t max_pairs, uint32_t per_s)
{
	return (struct source_rules){
		.max_pairs = max_pairs, .per_s = per_s, .v4_bits = 32, .v6_bits = 64};
}

/**
 * Takes a place for a client of this address. Returns it, or NULL if there is none, and writes the
 * answer.
 */
static struct source *take(
	const char *text, const struct source_rules *rules, enum source_answer *ret_answer)
{
	union address address = address_of(text);
	struct source *source = NULL;

	*ret_answer = sources_take(sources, rules, &address.any, now_ns, &source);
	ck_assert_int_eq(*ret_answer == SOURCE_TAKEN, source != NULL);
	return source;
}

static void expect(const char *text, struct source_rules rules, enum source_answer wanted)
{
	enum source_answer answer;
	struct source *source = take(text, &rules, &answer);

	ck_assert_int_eq(answer, wanted);
	source_give(source, now_ns);
}

/* ---- pairs ---- */

START_TEST(a_source_has_so_many_pairs_and_no_more)
{
	struct source_rules rules = rules_of(3, 0);
	struct source *places[3];
	enum source_answer answer;

	for (int i = 0; i < 3; i++) {
		places[i] = take("192.0.2.1", &rules, &answer);
		ck_assert_int_eq(answer, SOURCE_TAKEN);
	}
	expect("192.0.2.1", rules, SOURCE_FULL);
	expect("::ffff:192.0.2.1", rules, SOURCE_FULL);
	expect("192.0.2.2", rules, SOURCE_TAKEN);
	source_give(places[1], now_ns);
	places[1] = take("192.0.2.1", &rules, &answer);
	ck_assert_int_eq(answer, SOURCE_TAKEN);
	expect("192.0.2.1", rules, SOURCE_FULL);
	expect("192.0.2.1", rules_of(4, 0), SOURCE_TAKEN); /* other rules look at the same count */
	for (int i = 0; i < 3; i++) {
		source_give(places[i], now_ns);
	}
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(what_begins_with_the_same_bits_is_one_source)
{
	struct source_rules rules = rules_of(1, 0);
	struct source *places[3];
	enum source_answer answer;

	places[0] = take("2001:db8:1:2::1", &rules, &answer);
	expect("2001:db8:1:2:ffff::9", rules, SOURCE_FULL);
	expect("2001:db8:1:3::1", rules, SOURCE_TAKEN);
	rules.v4_bits = 24;
	places[1] = take("192.0.2.1", &rules, &answer);
	expect("192.0.2.255", rules, SOURCE_FULL);
	expect("192.0.3.1", rules, SOURCE_TAKEN);
	rules.v4_bits = 25; /* another config makes another source of these clients */
	places[2] = take("192.0.2.1", &rules, &answer);
	ck_assert_int_eq(answer, SOURCE_TAKEN);
	for (int i = 0; i < 3; i++) {
		source_give(places[i], now_ns);
	}
}
END_TEST

START_TEST(who_has_no_address_is_not_limited)
{
	struct source_rules rules = rules_of(1, 1);
	union address address = {.un.sun_family = AF_UNIX};
	struct source *source = (struct source *)&address;

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(
			sources_take(sources, &rules, &address.any, now_ns, &source), SOURCE_TAKEN);
		ck_assert_ptr_null(source);
	}
	source_give(NULL, now_ns);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

/* ---- rates ---- */

START_TEST(a_second_s_worth_comes_at_once_and_then_one_by_one)
{
	enum { PER_S = 7 };
	struct source_rules rules = rules_of(0, PER_S);
	uint64_t begin_ns = now_ns;

	for (int i = 0; i < PER_S; i++) {
		expect("192.0.2.1", rules, SOURCE_TAKEN);
	}
	expect("192.0.2.1", rules, SOURCE_TOO_FAST);
	expect("192.0.2.2", rules, SOURCE_TAKEN);
	/* A seventh of a second is no whole number of nanoseconds. The n-th client is let in at
	 * the first nanosecond that is not before n sevenths, whatever was refused in between. */
	for (uint64_t i = 1; i <= 3 * PER_S; i++) {
		now_ns = begin_ns + (i * NS_PER_S + PER_S - 1) / PER_S - 1;
		expect("192.0.2.1", rules, SOURCE_TOO_FAST);
		now_ns++;
		expect("192.0.2.1", rules, SOURCE_TAKEN);
		expect("192.0.2.1", rules, SOURCE_TOO_FAST);
	}
	now_ns += 1000 * (uint64_t)NS_PER_S; /* a source saves up no more than one second's worth */
	for (int i = 0; i < PER_S; i++) {
		expect("192.0.2.1", rules, SOURCE_TAKEN);
	}
	expect("192.0.2.1", rules, SOURCE_TOO_FAST);
}
END_TEST

START_TEST(who_is_full_spends_nothing_of_its_burst)
{
	struct source_rules rules = rules_of(1, 2);
	enum source_answer answer;
	struct source *place = take("192.0.2.1", &rules, &answer);

	for (int i = 0; i < 5; i++) {
		expect("192.0.2.1", rules, SOURCE_FULL);
	}
	source_give(place, now_ns);
	expect("192.0.2.1", rules, SOURCE_TAKEN);
	expect("192.0.2.1", rules, SOURCE_TOO_FAST);
}
END_TEST

START_TEST(another_rate_goes_on_with_what_was_spent)
{
	for (int i = 0; i < 5; i++) {
		expect("192.0.2.1", rules_of(0, 5), SOURCE_TAKEN);
	}
	expect("192.0.2.1", rules_of(0, 5), SOURCE_TOO_FAST);
	for (int i = 0; i < 3; i++) {
		expect("192.0.2.1", rules_of(0, 8), SOURCE_TAKEN);
	}
	expect("192.0.2.1", rules_of(0, 8), SOURCE_TOO_FAST);
	/* The new rate allows less than the source has spent: it owes one second's worth of the
	 * new rate. */
	expect("192.0.2.1", rules_of(0, 1), SOURCE_TOO_FAST);
	now_ns += NS_PER_S - 1;
	expect("192.0.2.1", rules_of(0, 1), SOURCE_TOO_FAST);
	now_ns++;
	expect("192.0.2.1", rules_of(0, 1), SOURCE_TAKEN);
	expect("192.0.2.1", rules_of(0, UINT32_MAX), SOURCE_TAKEN);
}
END_TEST

START_TEST(a_worker_whose_time_is_a_little_behind_gives_nothing_back_twice)
{
	struct source_rules rules = rules_of(0, 2);

	now_ns += NS_PER_S;
	expect("192.0.2.1", rules, SOURCE_TAKEN);
	now_ns -= NS_PER_MS;
	expect("192.0.2.1", rules, SOURCE_TAKEN);
	expect("192.0.2.1", rules, SOURCE_TOO_FAST);
	now_ns += NS_PER_MS + NS_PER_S / 2 - 1;
	expect("192.0.2.1", rules, SOURCE_TOO_FAST);
	now_ns++;
	expect("192.0.2.1", rules, SOURCE_TAKEN);
}
END_TEST

/* ---- forgetting ---- */

START_TEST(it_is_forgotten_with_its_last_pair_and_its_burst_back)
{
	struct source_rules rules = rules_of(0, 4);
	enum source_answer answer;
	struct source *place = take("192.0.2.1", &rules, &answer);

	now_ns += 10 * (uint64_t)NS_PER_S;
	sources_tick(&list, now_ns);
	ck_assert_uint_eq(sources_count(sources), 1); /* the source has a pair */
	source_give(place, now_ns);
	ck_assert_uint_eq(sources_count(sources), 0); /* it has no debt either */
	expect("192.0.2.1", rules, SOURCE_TAKEN);
	now_ns += NS_PER_S / 4 - 1;
	sources_tick(&list, now_ns);
	ck_assert_uint_eq(sources_count(sources), 1);
	sources_tick(&list, ++now_ns);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(who_comes_and_goes_clears_what_is_over)
{
	enum { OLD = 2000 };
	struct source_rules rules = rules_of(0, 1);

	for (uint32_t i = 0; i < 2 * OLD; i++) {
		union address address = v4(0x0a000000 + i);
		struct source *place;

		now_ns += i == OLD ? NS_PER_S : 0;
		ck_assert_int_eq(
			sources_take(sources, &rules, &address.any, now_ns, &place), SOURCE_TAKEN);
		source_give(place, now_ns);
	}
	/* There was no tick. A few old sources are left, in shards where few new ones came. */
	ck_assert_uint_lt(sources_count(sources), OLD + OLD / 10);
	now_ns += NS_PER_S;
	sources_tick(&list, now_ns);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(a_table_has_its_bound)
{
	struct source_rules rules = rules_of(0, 1);
	uint32_t n = 0;
	enum source_answer answer;

	do {
		union address address = v4(n);
		struct source *place;

		answer = sources_take(sources, &rules, &address.any, now_ns, &place);
		if (answer == SOURCE_TAKEN) {
			source_give(place, now_ns);
			n++;
		}
	} while (answer == SOURCE_TAKEN);
	ck_assert_int_eq(answer, SOURCE_NO_MEMORY);
	ck_assert_uint_gt(n, MAX / 10 * 8); /* the hash spreads them over the shards */
	ck_assert_uint_le(n, MAX);
	ck_assert_uint_eq(sources_count(sources), n);
	sources_tick(&list, now_ns + NS_PER_S);
	ck_assert_uint_eq(sources_count(sources), 0);
	expect("192.0.2.1", rules, SOURCE_TAKEN);
}
END_TEST

/** A bad hash would put addresses in a row in a few shards, but only with some of its keys. */
START_TEST(addresses_in_a_row_are_spread_whatever_the_keys)
{
	enum { TABLES = 300, ROOM = 64 * 64 };
	struct source_rules rules = rules_of(0, 1);

	for (unsigned i = 0; i < TABLES; i++) {
		struct sources *table = sources_new(&list, ROOM);
		union address address;
		struct source *place;
		uint32_t n = 0;

		ck_assert_ptr_nonnull(table);
		do {
			address = v4(0x0a000000 + n++);
		} while (
			sources_take(table, &rules, &address.any, now_ns, &place) == SOURCE_TAKEN &&
			(source_give(place, now_ns), true));
		ck_assert_uint_gt(n, ROOM / 3);
		sources_tick(&list, now_ns + NS_PER_S);
		sources_free(table);
	}
}
END_TEST

START_TEST(without_memory_nothing_is_taken_and_the_next_one_can_be)
{
	struct source_rules rules = rules_of(2, 2);
	unsigned n_failed = 0;

	fault_only_call("calloc");
	for (uint32_t i = 0; i < 400; i++) {
		union address address = v4(i);
		struct source *place = NULL;
		enum source_answer answer;

		/* The first call allocates the source. A later one is for more buckets: without
		 * them the table stays as it is. */
		fault_arm(1 + i % 2);
		answer = sources_take(sources, &rules, &address.any, now_ns, &place);
		n_failed += fault_disarm();
		fault_only_call("calloc");
		ck_assert_int_eq(answer, i % 2 == 0 ? SOURCE_NO_MEMORY : SOURCE_TAKEN);
		source_give(place, now_ns);
	}
	ck_assert_uint_gt(n_failed, 200);
	ck_assert_uint_eq(sources_count(sources), 200);
	fault_only_call("aligned_alloc");
	fault_arm(1);
	ck_assert_ptr_null(sources_new(&list, MAX));
	ck_assert(fault_disarm());
	ck_assert_ptr_null(sources_free(NULL));
}
END_TEST

/* ---- against a model ---- */

enum { MODEL_SOURCES = 12, MODEL_STEPS = 20000, MODEL_PLACES = 64 };

/** A model: the generic cell rate algorithm, with times in parts of a nanosecond. */
struct model {
	unsigned __int128 due; /* ns * per_s: when its whole burst will be back */
	uint32_t n_pairs;
};

static enum source_answer model_take(struct model *model, const struct source_rules *rules)
{
	unsigned __int128 now = (unsigned __int128)now_ns * rules->per_s;
	unsigned __int128 due = model->due > now ? model->due : now;

	if (rules->max_pairs > 0 && model->n_pairs >= rules->max_pairs) {
		return SOURCE_FULL;
	}
	if (rules->per_s > 0 && due + NS_PER_S - now > (unsigned __int128)rules->per_s * NS_PER_S) {
		return SOURCE_TOO_FAST;
	}
	model->due = due + NS_PER_S;
	model->n_pairs++;
	return SOURCE_TAKEN;
}

START_TEST(random_lives_go_as_the_model_says)
{
	static const uint32_t rates[] = {0, 1, 3, 7, 1000};
	struct source_rules rules = rules_of((uint32_t)_i % 3 * 2, rates[_i % 5]);
	struct model models[MODEL_SOURCES] = {{0}};
	struct source *places[MODEL_PLACES] = {NULL};
	int owners[MODEL_PLACES];
	unsigned n_answers[SOURCE_NO_MEMORY] = {0};

	srand((unsigned)_i);
	for (int step = 0; step < MODEL_STEPS; step++) {
		int at = rand() % MODEL_PLACES;
		int who = rand() % MODEL_SOURCES;
		union address address = v4(0x0a000001 + (uint32_t)who);
		enum source_answer answer;

		now_ns += (uint64_t)rand() % (rand() % 100 == 0 ? 300 * NS_PER_MS : NS_PER_MS);
		if (rand() % 50 == 0) {
			sources_tick(&list, now_ns);
		}
		if (places[at] != NULL) {
			source_give(places[at], now_ns);
			places[at] = NULL;
			models[owners[at]].n_pairs--;
			continue;
		}
		answer = sources_take(sources, &rules, &address.any, now_ns, &places[at]);
		ck_assert_int_eq(answer, model_take(&models[who], &rules));
		owners[at] = who;
		n_answers[answer]++;
	}
	ck_assert_uint_gt(n_answers[SOURCE_TAKEN], 100);
	ck_assert(rules.max_pairs == 0 || n_answers[SOURCE_FULL] > 20 || rules.per_s > 0);
	ck_assert(rules.per_s == 0 || rules.per_s == 1000 || n_answers[SOURCE_TOO_FAST] > 100);
	for (int i = 0; i < MODEL_PLACES; i++) {
		source_give(places[i], now_ns);
	}
	sources_tick(&list, now_ns + NS_PER_S);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

/* ---- with four workers ---- */

enum { THREADS = 4, EACH = 30000, SHARED = 40, HELD = 8, MAX_PAIRS = 5 };

static _Atomic int n_open[SHARED];
static _Atomic unsigned n_taken[SHARED];

/**
 * Takes and gives places at random. The time stands still, so the count of the burst is exact, too.
 */
static void *work(void *arg)
{
	struct source_rules rules = rules_of(MAX_PAIRS, EACH);
	struct source *places[HELD] = {NULL};
	unsigned whose[HELD] = {0};
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < EACH; i++) {
		unsigned at = (unsigned)rand_r(&seed) % HELD;
		unsigned who = (unsigned)rand_r(&seed) % SHARED;
		union address address = v4(who);

		if (places[at] != NULL) {
			atomic_fetch_sub(&n_open[whose[at]], 1);
			source_give(places[at], now_ns);
			places[at] = NULL;
		} else if (sources_take(sources, &rules, &address.any, now_ns, &places[at]) ==
			   SOURCE_TAKEN) {
			whose[at] = who;
			ck_assert_int_lt(atomic_fetch_add(&n_open[who], 1), MAX_PAIRS);
			atomic_fetch_add(&n_taken[who], 1);
		}
		if (i % 1000 == 0) {
			sources_tick(&list, now_ns);
		}
	}
	for (size_t i = 0; i < HELD; i++) {
		if (places[i] != NULL) { /* the other threads may still take places */
			atomic_fetch_sub(&n_open[whose[i]], 1);
			source_give(places[i], now_ns);
		}
	}
	return NULL;
}

/** All threads use up one burst: together they must not take more than it. */
static void *hurry(void *arg)
{
	struct source_rules rules = rules_of(0, 1000);
	union address address = v4(1);

	for (int i = 0; i < 1000; i++) {
		struct source *place = NULL;

		if (sources_take(sources, &rules, &address.any, now_ns, &place) == SOURCE_TAKEN) {
			atomic_fetch_add(&n_taken[0], 1);
		}
		source_give(place, now_ns);
	}
	return arg;
}

static void run_threads(void *(*body)(void *arg))
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS] = {1, 2, 3, 4};

	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, body, &seeds[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
}

START_TEST(four_workers_count_as_one)
{
	run_threads(work);
	for (size_t i = 0; i < SHARED; i++) {
		ck_assert_uint_gt(atomic_load(&n_taken[i]), MAX_PAIRS);
	}
	sources_tick(&list, now_ns + NS_PER_S);
	ck_assert_uint_eq(sources_count(sources), 0);
}
END_TEST

START_TEST(four_workers_have_one_burst)
{
	run_threads(hurry);
	ck_assert_uint_eq(atomic_load(&n_taken[0]), 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source");
	TCase *tc = tcase_create("source");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_source_has_so_many_pairs_and_no_more);
	tcase_add_test(tc, what_begins_with_the_same_bits_is_one_source);
	tcase_add_test(tc, who_has_no_address_is_not_limited);
	tcase_add_test(tc, a_second_s_worth_comes_at_once_and_then_one_by_one);
	tcase_add_test(tc, who_is_full_spends_nothing_of_its_burst);
	tcase_add_test(tc, another_rate_goes_on_with_what_was_spent);
	tcase_add_test(tc, a_worker_whose_time_is_a_little_behind_gives_nothing_back_twice);
	tcase_add_test(tc, it_is_forgotten_with_its_last_pair_and_its_burst_back);
	tcase_add_test(tc, who_comes_and_goes_clears_what_is_over);
	tcase_add_test(tc, a_table_has_its_bound);
	tcase_add_test(tc, addresses_in_a_row_are_spread_whatever_the_keys);
	tcase_add_test(tc, without_memory_nothing_is_taken_and_the_next_one_can_be);
	tcase_add_loop_test(tc, random_lives_go_as_the_model_says, 0, 15);
	tcase_add_test(tc, four_workers_count_as_one);
	tcase_add_test(tc, four_workers_have_one_burst);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
