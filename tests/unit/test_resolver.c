/* SPDX-License-Identifier: ISC */
/* The resolver: who waits for what, what is kept, and for how long. */
#include "stream/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "suite.h"

static struct resolver *resolver;

/** How far the clock of the code under test is behind: so an answer is old when it is learned. */
static _Thread_local uint64_t behind_ns;

uint64_t __real_clock_ns(void);
uint64_t __wrap_clock_ns(void);

uint64_t __wrap_clock_ns(void)
{
	return __real_clock_ns() - behind_ns;
}

/* ---- an asker ---- */

enum { PENDING = 4711 };

struct asker {
	struct resolver_query query;
	struct resolver_answer answer;
	int status; /* PENDING: not answered yet */
	unsigned n_answered;
	bool asks_again; /* in answered() */
};

static void on_answered(struct resolver_query *query, int status)
{
	struct asker *asker = container_of(query, struct asker, query);

	asker->status = status;
	asker->n_answered++;
	resolver_cancel(query); /* harmless by now */
	if (asker->asks_again) {
		asker->asks_again = false;
		ck_assert_int_eq(resolver_ask(resolver, test_loop, "again.example", query,
					 &asker->answer, on_answered),
			0);
	}
}

static int ask(struct asker *asker, const char *host)
{
	memset(asker, 0, sizeof(*asker));
	asker->status = PENDING;
	return resolver_ask(resolver, test_loop, host, &asker->query, &asker->answer, on_answered);
}

static void must_wait(struct asker *asker, const char *host)
{
	ck_assert_int_eq(ask(asker, host), 0);
	ck_assert_int_eq(asker->status, PENDING);
}

/** What is known of a name without waiting: "127.0.0.1 ::1". */
static const char *addresses_of(const struct resolver_answer *answer)
{
	static char text[1024];

	text[0] = '\0';
	for (size_t i = 0; i < answer->n_addresses; i++) {
		const struct sockaddr *sa = &answer->addresses[i].sa.any;
		char one[INET6_ADDRSTRLEN];

		if (sa->sa_family == AF_INET) {
			inet_ntop(AF_INET, &answer->addresses[i].sa.in.sin_addr, one, sizeof(one));
		} else {
			inet_ntop(
				AF_INET6, &answer->addresses[i].sa.in6.sin6_addr, one, sizeof(one));
		}
		strcat(text, i > 0 ? " " : "");
		strcat(text, one);
	}
	return text;
}

static void must_know(const struct asker *asker, const char *addresses)
{
	ck_assert_int_eq(asker->status, 0);
	ck_assert_uint_eq(asker->n_answered, 1);
	ck_assert_str_eq(addresses_of(&asker->answer), addresses);
}

/** The name gets an answer that is `age_ns` old. */
static void teach(const char *host, const char *addresses, uint64_t age_ns)
{
	struct asker asker;

	must_wait(&asker, host);
	loop_until(lookup_is_open(host));
	behind_ns = age_ns;
	lookup_answer(host, 0, addresses);
	behind_ns = 0;
	loop_until(asker.status == 0);
}

static void setup(void)
{
	fixture_setup();
	lookup_script();
	behind_ns = 0;
	resolver = resolver_new(test_loop);
	ck_assert_ptr_nonnull(resolver);
}

static void teardown(void)
{
	ck_assert_uint_eq(lookup_n_open(), 0);
	resolver = resolver_free(resolver);
	fixture_teardown();
}

/* ---- lookups ---- */

START_TEST(an_unknown_name_waits_for_its_lookup)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	ck_assert_uint_eq(resolver_lookups(resolver), 1);
	loop_settle();
	ck_assert_int_eq(asker.status, PENDING);
	lookup_answer("a.example", 0, "127.0.0.2 ::1 127.0.0.1");
	ck_assert_int_eq(asker.status, PENDING); /* never from inside a call */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2 ::1 127.0.0.1");
	ck_assert_uint_eq(asker.answer.addresses[0].len, sizeof(struct sockaddr_in));
	ck_assert_uint_eq(asker.answer.addresses[1].len, sizeof(struct sockaddr_in6));
	ck_assert_uint_eq(resolver_lookups(resolver), 0);
}
END_TEST

START_TEST(one_lookup_serves_all_who_wait)
{
	struct asker askers[3];

	must_wait(&askers[0], "a.example");
	must_wait(&askers[1], "a.example");
	loop_until(lookup_is_open("a.example"));
	must_wait(&askers[2], "A.Example");
	loop_settle();
	ck_assert_uint_eq(lookup_n_begun(), 1);
	lookup_answer("a.example", 0, "127.0.0.1");
	for (int i = 0; i < 3; i++) {
		loop_until(askers[i].status != PENDING);
		must_know(&askers[i], "127.0.0.1");
	}
}
END_TEST

START_TEST(the_fourth_name_waits_its_turn)
{
	static const char *const names[] = {
		"a.example", "b.example", "c.example", "d.example", "e.example"};
	struct asker askers[5];

	for (int i = 0; i < 5; i++) {
		must_wait(&askers[i], names[i]);
	}
	loop_settle();
	ck_assert_uint_eq(lookup_n_open(), RESOLVER_LOOKUPS_MAX);
	ck_assert(!lookup_is_open("d.example"));
	lookup_answer("b.example", UV_EAI_AGAIN, "");
	ck_assert(lookup_is_open("d.example"));
	ck_assert(!lookup_is_open("e.example"));
	lookup_answer("d.example", 0, "127.0.0.4");
	ck_assert(lookup_is_open("e.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	lookup_answer("c.example", 0, "127.0.0.3");
	lookup_answer("e.example", 0, "127.0.0.5");
	loop_until(askers[4].status != PENDING);
	ck_assert_int_eq(askers[1].status, UV_EAI_AGAIN);
	must_know(&askers[3], "127.0.0.4");
	must_know(&askers[4], "127.0.0.5");
}
END_TEST

START_TEST(hanging_names_do_not_hold_up_a_known_one)
{
	struct asker hanging[4];
	struct asker asker;

	teach("known.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&hanging[0], "a.example");
	must_wait(&hanging[1], "b.example");
	must_wait(&hanging[2], "c.example");
	must_wait(&hanging[3], "d.example");
	must_wait(&asker, "known.example"); /* its renewal does not even begin */
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	ck_assert_uint_eq(lookup_n_begun(), 1 + 3);
	lookup_answer("a.example", UV_EAI_AGAIN, "");
	lookup_answer("b.example", UV_EAI_AGAIN, "");
	lookup_answer("c.example", UV_EAI_AGAIN, "");
	lookup_answer("d.example", UV_EAI_AGAIN, "");
	lookup_answer("known.example", 0, "127.0.0.2");
	loop_until(hanging[3].status != PENDING);
}
END_TEST

START_TEST(a_lookup_that_cannot_begin_is_a_failed_one)
{
	struct asker askers[2];

	lookup_refuse(UV_EINVAL);
	must_wait(&askers[0], "a.example");
	must_wait(&askers[1], "b.example");
	loop_until(askers[0].status != PENDING);
	ck_assert_int_eq(askers[0].status, UV_EINVAL);
	loop_until(lookup_is_open("b.example"));
	lookup_answer("b.example", 0, "127.0.0.1");
	loop_until(askers[1].status != PENDING);
	must_know(&askers[1], "127.0.0.1");
}
END_TEST

START_TEST(localhost_is_looked_up_for_real)
{
	struct asker asker;

	lookup_unscript();
	must_wait(&asker, "localhost");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_gt(asker.answer.n_addresses, 0);
	ck_assert_uint_le(asker.answer.n_addresses, 2);
	ck_assert_uint_eq(asker.answer.addresses[0].sa.in.sin_port, 0);
}
END_TEST

/* ---- answers ---- */

START_TEST(a_fresh_answer_is_given_at_once)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS / 2);
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.1");
	loop_settle();
	ck_assert_uint_eq(asker.n_answered, 0);
	ck_assert_uint_eq(lookup_n_begun(), 1);
}
END_TEST

START_TEST(an_old_answer_is_renewed)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.2");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2");
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.2");
}
END_TEST

START_TEST(an_old_answer_serves_when_its_renewal_hangs)
{
	struct asker first;
	struct asker second;
	uint64_t begin;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	begin = clock_ns();
	must_wait(&first, "a.example");
	must_wait(&second, "a.example");
	loop_until(first.status != PENDING && second.status != PENDING);
	ck_assert_uint_ge(clock_ns() - begin, RESOLVER_GRACE_NS);
	must_know(&first, "127.0.0.1");
	must_know(&second, "127.0.0.1");
	/* From now on nobody waits for it again. */
	ck_assert_int_eq(ask(&first, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&first.answer), "127.0.0.1");
	lookup_answer("a.example", 0, "127.0.0.2");
	ck_assert_int_eq(ask(&first, "a.example"), 1);
	ck_assert_str_eq(addresses_of(&first.answer), "127.0.0.2");
	ck_assert_uint_eq(lookup_n_begun(), 2);
}
END_TEST

START_TEST(an_old_answer_serves_when_its_renewal_fails)
{
	static const int failures[] = {UV_EAI_AGAIN, UV_EAI_FAIL, UV_EAI_MEMORY, UV_ENOMEM};
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", failures[_i], "");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.1");
	/* It is not fresh for that: the next one looks again. */
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.2");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2");
}
END_TEST

START_TEST(a_name_that_is_gone_is_forgotten)
{
	static const int failures[] = {UV_EAI_NONAME, UV_EAI_NODATA};
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", failures[_i], "");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, failures[_i]);
	/* Nor does a passing failure bring it back. */
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_AGAIN, "");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, UV_EAI_AGAIN);
}
END_TEST

START_TEST(a_name_without_an_address_for_us_has_none)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "unix unix");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, UV_EAI_NODATA);
}
END_TEST

START_TEST(more_addresses_than_there_is_room_for_are_ignored)
{
	char addresses[RESOLVER_ADDRESSES_MAX * 32] = "unix";
	struct asker asker;

	for (int i = 0; i <= RESOLVER_ADDRESSES_MAX; i++) {
		(void)sprintf(addresses + strlen(addresses), " 127.0.0.%d", i + 1);
	}
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, addresses);
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_eq(asker.answer.n_addresses, RESOLVER_ADDRESSES_MAX);
}
END_TEST

START_TEST(an_asker_may_ask_again_when_answered)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	asker.asks_again = true;
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	loop_until(lookup_is_open("again.example"));
	lookup_answer("again.example", 0, "127.0.0.2");
	loop_until(asker.n_answered == 2);
	ck_assert_str_eq(addresses_of(&asker.answer), "127.0.0.2");
}
END_TEST

/* ---- giving up ---- */

START_TEST(cancelled_before_the_lookup_began)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	resolver_cancel(&asker.query);
	resolver_cancel(&asker.query);
	loop_settle();
	ck_assert_uint_eq(asker.n_answered, 0);
	/* It was wanted once; its answer is kept. */
	lookup_answer("a.example", 0, "127.0.0.1");
	ck_assert_int_eq(ask(&asker, "a.example"), 1);
}
END_TEST

START_TEST(cancelled_in_flight)
{
	struct asker given_up;
	struct asker patient;

	must_wait(&given_up, "a.example");
	must_wait(&patient, "a.example");
	loop_until(lookup_is_open("a.example"));
	resolver_cancel(&given_up.query);
	lookup_answer("a.example", 0, "127.0.0.1");
	loop_until(patient.status != PENDING);
	must_know(&patient, "127.0.0.1");
	ck_assert_uint_eq(given_up.n_answered, 0);
	ck_assert_uint_eq(given_up.answer.n_addresses, 0);
}
END_TEST

START_TEST(cancelled_when_the_answer_is_on_its_way)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	resolver_cancel(&asker.query);
	loop_settle();
	ck_assert_uint_eq(asker.n_answered, 0);
}
END_TEST

START_TEST(cancelled_while_the_old_answer_is_in_reserve)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", RESOLVER_FRESH_NS);
	must_wait(&asker, "a.example");
	loop_until(lookup_is_open("a.example"));
	resolver_cancel(&asker.query);
	loop_for_ms(RESOLVER_GRACE_NS / NS_PER_MS + 50);
	ck_assert_uint_eq(asker.n_answered, 0);
	lookup_answer("a.example", 0, "127.0.0.1");
}
END_TEST

START_TEST(a_query_that_was_never_asked_can_be_cancelled)
{
	struct asker asker;

	memset(&asker, 0, sizeof(asker));
	resolver_cancel(&asker.query);
	ck_assert_uint_eq(asker.n_answered, 0);
}
END_TEST

START_TEST(freeing_with_a_lookup_that_never_began)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	resolver_cancel(&asker.query);
	resolver = resolver_free(resolver);
	ck_assert_ptr_null(resolver);
	ck_assert_ptr_null(resolver_free(NULL));
	loop_settle();
	ck_assert_uint_eq(lookup_n_begun(), 0);
}
END_TEST

/* ---- memory ---- */

START_TEST(every_allocation_fails_in_turn)
{
	bool met = true;

	for (unsigned n = 1; met; n++) {
		struct resolver *small;
		struct asker asker;
		int r = 0;

		memset(&asker, 0, sizeof(asker));
		fault_only(FAULT_MEMORY);
		fault_arm(n);
		small = resolver_new(test_loop);
		if (small != NULL) {
			r = resolver_ask(small, test_loop, "a.example", &asker.query, &asker.answer,
				on_answered);
		}
		met = fault_disarm();
		ck_assert(met ? small == NULL || r == -ENOMEM : r == 0);
		resolver_cancel(&asker.query);
		resolver_free(small);
	}
}
END_TEST

/* ---- threads ---- */

enum { N_THREADS = 3, N_ROUNDS = 100 };

static atomic_uint n_threads_over;

struct worker {
	struct loop *loop;
	struct resolver_query query;
	struct resolver_answer answer;
	unsigned n_answered;
};

static void on_worker_answered(struct resolver_query *query, int status)
{
	struct worker *worker = container_of(query, struct worker, query);

	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(worker->answer.n_addresses, 1);
	worker->n_answered++;
	loop_stop(worker->loop);
}

/** Asks, waits or gives up, again and again, of names that are always old. */
static void *work(void *data)
{
	unsigned seed = *(unsigned *)data;
	struct worker worker = {.loop = loop_new()};

	ck_assert_ptr_nonnull(worker.loop);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned before = worker.n_answered;
		const char *host = (i + seed) % 3 == 0 ? "a.example" : "b.example";
		int r = resolver_ask(resolver, worker.loop, host, &worker.query, &worker.answer,
			on_worker_answered);

		if (r == 0 && i % 4 == seed) {
			resolver_cancel(&worker.query);
			continue;
		}
		while (r == 0 && worker.n_answered == before) {
			loop_run(worker.loop);
		}
		ck_assert_int_ge(r, 0);
		ck_assert_uint_eq(worker.answer.n_addresses, 1);
	}
	loop_free(worker.loop);
	atomic_fetch_add(&n_threads_over, 1);
	return NULL;
}

START_TEST(askers_on_other_threads_are_served)
{
	unsigned seeds[N_THREADS];
	pthread_t threads[N_THREADS];

	atomic_store(&n_threads_over, 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		seeds[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &seeds[i]), 0);
	}
	while (atomic_load(&n_threads_over) < N_THREADS) {
		behind_ns = RESOLVER_FRESH_NS;
		if (lookup_is_open("a.example")) {
			lookup_answer("a.example", 0, "127.0.0.1");
		}
		if (lookup_is_open("b.example")) {
			lookup_answer("b.example", 0, "127.0.0.2");
		}
		behind_ns = 0;
		loop_for_ms(1);
	}
	for (unsigned i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	loop_settle();
	for (int i = 0; i < 2; i++) {
		const char *host = i == 0 ? "a.example" : "b.example";

		if (lookup_is_open(host)) {
			lookup_answer(host, UV_EAI_AGAIN, "");
		}
	}
}
END_TEST

START_TEST(every_status_has_a_text)
{
	ck_assert_str_eq(resolver_strerror(UV_EAI_NONAME), "Name or service not known");
	ck_assert_str_eq(resolver_strerror(UV_EAI_AGAIN), "Temporary failure in name resolution");
	ck_assert_str_eq(resolver_strerror(UV_ENOMEM), "Cannot allocate memory");
	ck_assert_str_eq(resolver_strerror(-999999), "Unknown error");
}
END_TEST

static Suite *resolver_suite(void)
{
	Suite *suite = suite_create("resolver");
	TCase *lookups = tcase_create("lookups");
	TCase *answers = tcase_create("answers");
	TCase *cancel = tcase_create("cancel");
	TCase *rest = tcase_create("memory, threads");

	tcase_add_checked_fixture(lookups, setup, teardown);
	tcase_add_test(lookups, an_unknown_name_waits_for_its_lookup);
	tcase_add_test(lookups, one_lookup_serves_all_who_wait);
	tcase_add_test(lookups, the_fourth_name_waits_its_turn);
	tcase_add_test(lookups, hanging_names_do_not_hold_up_a_known_one);
	tcase_add_test(lookups, a_lookup_that_cannot_begin_is_a_failed_one);
	tcase_add_test(lookups, localhost_is_looked_up_for_real);
	suite_add_tcase(suite, lookups);

	tcase_add_checked_fixture(answers, setup, teardown);
	tcase_add_test(answers, a_fresh_answer_is_given_at_once);
	tcase_add_test(answers, an_old_answer_is_renewed);
	tcase_add_test(answers, an_old_answer_serves_when_its_renewal_hangs);
	tcase_add_loop_test(answers, an_old_answer_serves_when_its_renewal_fails, 0, 4);
	tcase_add_loop_test(answers, a_name_that_is_gone_is_forgotten, 0, 2);
	tcase_add_test(answers, a_name_without_an_address_for_us_has_none);
	tcase_add_test(answers, more_addresses_than_there_is_room_for_are_ignored);
	tcase_add_test(answers, an_asker_may_ask_again_when_answered);
	suite_add_tcase(suite, answers);

	tcase_add_checked_fixture(cancel, setup, teardown);
	tcase_add_test(cancel, cancelled_before_the_lookup_began);
	tcase_add_test(cancel, cancelled_in_flight);
	tcase_add_test(cancel, cancelled_when_the_answer_is_on_its_way);
	tcase_add_test(cancel, cancelled_while_the_old_answer_is_in_reserve);
	tcase_add_test(cancel, a_query_that_was_never_asked_can_be_cancelled);
	tcase_add_test(cancel, freeing_with_a_lookup_that_never_began);
	suite_add_tcase(suite, cancel);

	tcase_add_checked_fixture(rest, setup, teardown);
	tcase_add_test(rest, every_allocation_fails_in_turn);
	tcase_add_test(rest, askers_on_other_threads_are_served);
	tcase_add_test(rest, every_status_has_a_text);
	suite_add_tcase(suite, rest);
	return suite;
}

int main(void)
{
	return suite_run(resolver_suite());
}
