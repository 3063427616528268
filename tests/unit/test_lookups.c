/* SPDX-License-Identifier: ISC */
/* Tests of the threads for lookups: when one of them is free for the next lookup. */
#include "stream/lookups.h"

#include <netdb.h>
#include <semaphore.h>
#include <string.h>
#include <uv.h>

#include "fixture.h"
#include "suite.h"

/* ---- getaddrinfo(3) that returns when the test says so ---- */

static sem_t hanging; /* one for each lookup of "hangs" that may return */
static sem_t posted;  /* one for each thread that may go on after its post */

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **list);

int __wrap_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	(void)service;
	(void)hints;
	(void)list;
	if (strcmp(host, "hangs") == 0) {
		ck_assert_int_eq(sem_wait(&hanging), 0);
	}
	return EAI_AGAIN;
}

void __real_loop_post(struct loop *loop, struct task *task);
void __wrap_loop_post(struct loop *loop, struct task *task);

/** A thread of lookups gets no processor after its post until the test says so. */
void __wrap_loop_post(struct loop *loop, struct task *task)
{
	__real_loop_post(loop, task);
	if (!loop_is_current(loop)) {
		ck_assert_int_eq(sem_wait(&posted), 0);
	}
}

/* ---- lookups ---- */

static struct lookups *lookups;
static struct lookup all[LOOKUPS_MAX];
static struct lookup next;
static int next_began;
static unsigned n_answered;

static void on_answered(struct lookup *lookup, int status, struct addrinfo *list)
{
	ck_assert_int_eq(status, UV_EAI_AGAIN);
	ck_assert_ptr_null(list);
	n_answered++;
	if (lookup == &all[0]) {
		next_began = lookups_begin(lookups, &next);
	}
}

static int begin(struct lookup *lookup, const char *host)
{
	*lookup = (struct lookup){.host = host, .answered = on_answered};
	return lookups_begin(lookups, lookup);
}

START_TEST(a_thread_is_free_as_soon_as_its_answer_has_come)
{
	ck_assert_int_eq(sem_init(&hanging, 0, 0), 0);
	ck_assert_int_eq(sem_init(&posted, 0, 0), 0);
	lookups = lookups_new(test_loop);
	ck_assert_ptr_nonnull(lookups);
	loop_hold(test_loop);
	next = (struct lookup){.host = "hangs", .answered = on_answered};
	for (int i = 0; i < LOOKUPS_MAX; i++) {
		ck_assert_int_eq(begin(&all[i], i == 0 ? "ends" : "hangs"), 0);
	}
	loop_until(n_answered == 1);
	ck_assert_int_eq(next_began, 0);
	for (int i = 0; i < LOOKUPS_MAX + 1; i++) {
		ck_assert_int_eq(sem_post(&hanging), 0);
		ck_assert_int_eq(sem_post(&posted), 0);
	}
	loop_until(n_answered == LOOKUPS_MAX + 1);
	loop_release(test_loop);
	ck_assert_ptr_null(lookups_free(lookups));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lookups");
	TCase *tc = tcase_create("threads");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, a_thread_is_free_as_soon_as_its_answer_has_come);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
