/* SPDX-License-Identifier: ISC */
/*
 * Tests of handles of names: when they are shared, what a query costs, and when a name is
 * forgotten.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <uv.h>

#include "base/table.h"
#include "fixture.h"
#include "lookup.h"
#include "resolver_rig.h"
#include "suite.h"

/* ---- what this thread did ---- */

static _Thread_local struct seen {
	unsigned n_locks;
	const void *lock; /* the lock taken last */
	unsigned n_searches;
} seen;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	seen.n_locks++;
	seen.lock = mutex;
	return __real_pthread_mutex_lock(mutex);
}

const void *__real_table_find(const struct table *table, uint64_t hash,
	bool (*is_it)(const void *item, const void *key), const void *key);
const void *__wrap_table_find(const struct table *table, uint64_t hash,
	bool (*is_it)(const void *item, const void *key), const void *key);

const void *__wrap_table_find(const struct table *table, uint64_t hash,
	bool (*is_it)(const void *item, const void *key), const void *key)
{
	seen.n_searches++;
	return __real_table_find(table, hash, is_it, key);
}

/** Asks for a name whose answer must be there at once. */
static const struct resolver_answer *must_be_at_hand(struct resolver_name *name)
{
	struct resolver_query query = {0};

	ck_assert_int_eq(resolver_ask(name, test_loop, &query, on_answered), 1);
	return query.answer;
}

/* ---- sharing ---- */

START_TEST(who_names_the_same_host_shares_its_handle)
{
	struct resolver_name *first = resolver_name_get(resolver, "host.example");
	struct resolver_name *second = resolver_name_get(resolver, "HOST.Example");
	struct resolver_name *other = resolver_name_get(resolver, "other.example");

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_eq(second, first);
	ck_assert_ptr_ne(other, first);
	loop_settle();
	ck_assert_uint_eq(lookup_n_begun(), 0); /* taking a handle begins no lookup */
	ck_assert_ptr_null(resolver_name_unref(first));
	ck_assert_ptr_null(resolver_name_unref(second));
	ck_assert_ptr_null(resolver_name_unref(other));
	ck_assert_ptr_null(resolver_name_unref(NULL));
}
END_TEST

START_TEST(an_answer_at_hand_costs_the_lock_of_its_name_and_no_search)
{
	struct resolver_name *names[2];
	const void *locks[2];

	teach("a.example", "127.0.0.1", 0);
	teach("b.example", "127.0.0.2", 0);
	names[0] = name_of("a.example");
	names[1] = name_of("b.example");
	for (int i = 0; i < 2; i++) {
		struct resolver_query query = {0};
		struct seen asked;
		int r;

		seen = (struct seen){0};
		r = resolver_ask(names[i], test_loop, &query, on_answered);
		asked = seen; /* the check library takes locks, too */
		ck_assert_int_eq(r, 1);
		ck_assert_uint_eq(asked.n_locks, 1);
		ck_assert_uint_eq(asked.n_searches, 0);
		locks[i] = asked.lock;
		query.answer = resolver_answer_unref(query.answer);
	}
	ck_assert_ptr_ne(locks[0], locks[1]);
}
END_TEST

/* ---- forgetting ---- */

START_TEST(a_name_keeps_its_answer_as_long_as_somebody_has_a_handle)
{
	struct resolver_name *kept = resolver_name_get(resolver, "a.example");
	const struct resolver_answer *answer;

	teach("a.example", "127.0.0.1", 0);
	rig_forget();
	answer = must_be_at_hand(kept);
	/* One reference is ours, one is the name's. */
	ck_assert_uint_eq(refs_count(&answer->refs), 2);
	ck_assert_ptr_eq(name_of("a.example"), kept);
	(void)resolver_name_unref(kept);
	(void)resolver_answer_unref(must_be_at_hand(name_of("a.example")));
	rig_forget();
	ck_assert_uint_eq(refs_count(&answer->refs), 1); /* the name has been freed */
	(void)resolver_answer_unref(answer);
}
END_TEST

START_TEST(a_name_that_nobody_has_is_forgotten_with_its_answer)
{
	struct asker asker;

	teach("a.example", "127.0.0.1", 0);
	rig_forget();
	must_wait(&asker, "a.example"); /* the answer would still be fresh */
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_AGAIN, "");
	loop_until(asker.status != PENDING);
	ck_assert_int_eq(asker.status, UV_EAI_AGAIN); /* the old answer is not used either */
}
END_TEST

START_TEST(a_name_that_nobody_has_stays_until_its_lookup_returns)
{
	struct asker given_up;
	struct asker asker;

	must_wait(&given_up, "a.example");
	loop_until(lookup_is_open("a.example"));
	resolver_cancel(&given_up.query);
	rig_forget();
	must_wait(&asker, "a.example"); /* this finds the name, and begins no second lookup */
	loop_settle();
	ck_assert_uint_eq(lookup_n_begun(), 1);
	resolver_cancel(&asker.query);
	rig_forget();
	lookup_answer("a.example", 0, "127.0.0.1");
	must_wait(&asker, "a.example"); /* the name has been freed by now */
	loop_until(lookup_is_open("a.example"));
	ck_assert_uint_eq(lookup_n_begun(), 2);
	lookup_answer("a.example", 0, "127.0.0.2");
	loop_until(asker.status != PENDING);
	must_know(&asker, "127.0.0.2");
}
END_TEST

START_TEST(a_name_in_line_stays_until_it_was_looked_up)
{
	struct asker asker;

	must_wait(&asker, "a.example");
	resolver_cancel(&asker.query);
	rig_forget();
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
}
END_TEST

enum { N_NAMES = 1000 };

START_TEST(many_names_are_found_and_forgotten)
{
	struct resolver_name *names[N_NAMES];
	char host[32];

	for (unsigned i = 0; i < N_NAMES; i++) {
		(void)snprintf(host, sizeof(host), "host%u.example", i);
		names[i] = resolver_name_get(resolver, host);
		ck_assert_ptr_nonnull(names[i]);
	}
	for (unsigned i = 0; i < N_NAMES; i++) {
		(void)snprintf(host, sizeof(host), "HOST%u.example", i);
		ck_assert_ptr_eq(resolver_name_get(resolver, host), names[i]);
		(void)resolver_name_unref(names[i]);
		(void)resolver_name_unref(names[i]);
	}
	/* The teardown of the rig asserts that no name is left. */
}
END_TEST

static Suite *resolver_names_suite(void)
{
	Suite *suite = suite_create("resolver_names");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_test(tc, who_names_the_same_host_shares_its_handle);
	tcase_add_test(tc, an_answer_at_hand_costs_the_lock_of_its_name_and_no_search);
	tcase_add_test(tc, a_name_keeps_its_answer_as_long_as_somebody_has_a_handle);
	tcase_add_test(tc, a_name_that_nobody_has_is_forgotten_with_its_answer);
	tcase_add_test(tc, a_name_that_nobody_has_stays_until_its_lookup_returns);
	tcase_add_test(tc, a_name_in_line_stays_until_it_was_looked_up);
	tcase_add_test(tc, many_names_are_found_and_forgotten);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(resolver_names_suite());
}
