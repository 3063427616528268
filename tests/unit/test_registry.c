/* SPDX-License-Identifier: ISC */
/*
 * Tests that a registry finds an object as long as somebody holds it, while other threads let it
 * go.
 */
#include "base/registry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "fault.h"
#include "suite.h"

struct thing {
	struct registry_entry entry;
	unsigned number;
	atomic_uint n_used;
};

static struct registry registry;

static bool has_number(const void *item, const void *number)
{
	const struct registry_entry *entry = item;

	return container_of(entry, const struct thing, entry)->number == *(const unsigned *)number;
}

static struct thing *find(unsigned number)
{
	struct registry_entry *entry = registry_find(&registry, number % 2, has_number, &number);

	return entry == NULL ? NULL : container_of(entry, struct thing, entry);
}

static struct thing *add(unsigned number)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	ck_assert_ptr_nonnull(thing);
	thing->number = number;
	ck_assert_int_eq(registry_add(&registry, number % 2, &thing->entry), 0);
	return thing;
}

static bool drop(struct thing *thing)
{
	bool is_last = registry_unref(&thing->entry);

	if (is_last) {
		free(thing);
	}
	return is_last;
}

START_TEST(it_is_found_by_its_key_as_long_as_somebody_holds_it)
{
	struct thing *one = add(1);
	struct thing *three = add(3); /* it has the same hash */

	ck_assert_ptr_null(find(2));
	ck_assert_ptr_null(find(5));
	ck_assert_ptr_eq(find(3), three);
	ck_assert_ptr_eq(find(1), one);
	ck_assert(!drop(one));
	ck_assert(drop(one));
	ck_assert_ptr_null(find(1));
	ck_assert(!drop(three));
	ck_assert(drop(three));
	ck_assert_ptr_null(registry.table.slots);
}
END_TEST

START_TEST(without_memory_nothing_is_added)
{
	struct thing thing = {.number = 1};

	fault_arm(1);
	ck_assert_int_eq(registry_add(&registry, 1, &thing.entry), -ENOMEM);
	ck_assert(fault_disarm());
	ck_assert_ptr_null(find(1));
}
END_TEST

enum { THREADS = 3, ROUNDS = 20000, HANDED = 8 };

/** The finder puts things here, and other threads let them go. */
static _Atomic(struct thing *) handed[THREADS][HANDED];
static atomic_bool ends;

static void *let_go(void *arg)
{
	_Atomic(struct thing *) *mine = arg;
	unsigned n_left = 0;

	while (n_left > 0 || !atomic_load(&ends)) {
		n_left = 0;
		for (unsigned i = 0; i < HANDED; i++) {
			struct thing *thing = atomic_exchange(&mine[i], NULL);

			if (thing != NULL) {
				n_left++;
				atomic_fetch_add(&thing->n_used, 1);
				(void)drop(thing);
			}
		}
	}
	return NULL;
}

/** A thing that is found is never one that is being freed. */
START_TEST(who_finds_and_who_lets_go_agree)
{
	pthread_t threads[THREADS];
	unsigned n_made = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, let_go, handed[i]), 0);
	}
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct thing *thing = find(n % 5);

		if (thing == NULL) {
			thing = add(n % 5);
			n_made++;
		}
		/* A thing that no thread has taken over is let go here. */
		thing = atomic_exchange(&handed[n % THREADS][n % HANDED], thing);
		if (thing != NULL) {
			(void)drop(thing);
		}
	}
	atomic_store(&ends, true);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		for (unsigned k = 0; k < HANDED; k++) {
			struct thing *thing = atomic_load(&handed[i][k]);

			if (thing != NULL) {
				(void)drop(thing);
			}
		}
	}
	ck_assert_uint_gt(n_made, 0);
	ck_assert_ptr_null(registry.table.slots);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry");
	TCase *tc = tcase_create("registry");

	tcase_add_test(tc, it_is_found_by_its_key_as_long_as_somebody_holds_it);
	tcase_add_test(tc, without_memory_nothing_is_added);
	tcase_add_test(tc, who_finds_and_who_lets_go_agree);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
