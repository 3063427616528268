/* SPDX-License-Identifier: ISC */
/* Tests of the resolver: queries that are cancelled, no memory, and queries of several threads. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "resolver_rig.h"
#include "suite.h"

/* ---- cancelled queries ---- */

START_TEST(cancelled_before_the_lookup_began)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	resolver_cancel(&asker.query);
	resolver_cancel(&asker.query);
	loop_settle();
	ck_assert_uint_eq(asker.n_answered, 0);
	/* The lookup goes on, and its answer is kept. */
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
	ck_assert_uint_eq(given_up.n_addresses, 0);
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
	rig_forget();
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
		struct resolver_name *name = NULL;
		struct resolver *small;
		struct asker asker;
		int r = 0;

		memset(&asker, 0, sizeof(asker));
		fault_only(FAULT_MEMORY);
		fault_arm(n);
		small = resolver_new(test_loop, NULL);
		if (small != NULL) {
			name = resolver_name_get(small, "a.example");
			r = name == NULL ? -ENOMEM
					 : resolver_ask(name, test_loop, &asker.query, on_answered);
		}
		met = fault_disarm();
		ck_assert(met ? small == NULL || r == -ENOMEM : r == 0);
		resolver_cancel(&asker.query);
		(void)resolver_name_unref(name);
		resolver_free(small);
	}
}
END_TEST

/* ---- threads ---- */

enum { N_THREADS = 3, N_ROUNDS = 100 };

static atomic_uint n_threads_over;

/** As a server does, a thread has handles of its own, and gives them back. */
struct given {
	unsigned seed;
	struct resolver_name *names[2];
};

struct worker {
	struct loop *loop;
	struct resolver_query query;
	unsigned n_answered;
};

static void on_worker_answered(struct resolver_query *query, int status)
{
	struct worker *worker = container_of(query, struct worker, query);

	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(query->answer->n_addresses, 1);
	worker->n_answered++;
	(void)loop_stop(worker->loop);
}

/** Asks again and again for names whose answers are always old, and waits or cancels. */
static void *work(void *data)
{
	struct given *given = data;
	unsigned seed = given->seed;
	struct worker worker = {.loop = loop_new()};

	ck_assert_ptr_nonnull(worker.loop);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		unsigned before = worker.n_answered;
		struct resolver_name *name = given->names[(i + seed) % 3 == 0 ? 0 : 1];
		int r = resolver_ask(name, worker.loop, &worker.query, on_worker_answered);

		if (r == 0 && i % 4 == seed) {
			resolver_cancel(&worker.query);
			continue;
		}
		while (r == 0 && worker.n_answered == before) {
			(void)loop_run(worker.loop);
		}
		ck_assert_int_ge(r, 0);
		ck_assert_uint_eq(worker.query.answer->n_addresses, 1);
		worker.query.answer = resolver_answer_unref(worker.query.answer);
	}
	loop_free(worker.loop);
	(void)resolver_name_unref(given->names[0]);
	(void)resolver_name_unref(given->names[1]);
	atomic_fetch_add(&n_threads_over, 1);
	return NULL;
}

START_TEST(askers_on_other_threads_are_served)
{
	struct given given[N_THREADS];
	pthread_t threads[N_THREADS];

	atomic_store(&n_threads_over, 0);
	for (unsigned i = 0; i < N_THREADS; i++) {
		given[i].seed = i;
		given[i].names[0] = resolver_name_get(resolver, "a.example");
		given[i].names[1] = resolver_name_get(resolver, "b.example");
		ck_assert(given[i].names[0] != NULL && given[i].names[1] != NULL);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &given[i]), 0);
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

static Suite *resolver_cancel_suite(void)
{
	Suite *suite = suite_create("resolver_cancel");
	TCase *cancel = tcase_create("cancel");
	TCase *rest = tcase_create("memory, threads");

	tcase_add_checked_fixture(cancel, rig_setup, rig_teardown);
	tcase_add_test(cancel, cancelled_before_the_lookup_began);
	tcase_add_test(cancel, cancelled_in_flight);
	tcase_add_test(cancel, cancelled_when_the_answer_is_on_its_way);
	tcase_add_test(cancel, cancelled_while_the_old_answer_is_in_reserve);
	tcase_add_test(cancel, a_query_that_was_never_asked_can_be_cancelled);
	tcase_add_test(cancel, freeing_with_a_lookup_that_never_began);
	suite_add_tcase(suite, cancel);

	tcase_add_checked_fixture(rest, rig_setup, rig_teardown);
	tcase_add_test(rest, every_allocation_fails_in_turn);
	tcase_add_test(rest, askers_on_other_threads_are_served);
	tcase_add_test(rest, every_status_has_a_text);
	suite_add_tcase(suite, rest);
	return suite;
}

int main(void)
{
	return suite_run(resolver_cancel_suite());
}
