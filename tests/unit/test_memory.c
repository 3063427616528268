/* SPDX-License-Identifier: ISC */
/* Tests of when weir gives memory back to the system, and that it keeps nothing of a burst. */
#include "service/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static unsigned n_trims;

int __real_malloc_trim(size_t pad);
int __wrap_malloc_trim(size_t pad);
int __wrap_malloc_trim(size_t pad)
{
	ck_assert_uint_eq(pad, 0);
	n_trims++;
	return __real_malloc_trim(pad);
}

START_TEST(a_burst_of_pairs_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 1000, 0);
	ck_assert_uint_eq(n_trims, 0);
	memory_look(&memory, 10, 0);
	ck_assert_uint_eq(n_trims, 0); /* the burst may go on */
	memory_look(&memory, 10, 0);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 10, 0);
	memory_look(&memory, 0, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_burst_of_waiting_bytes_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 5, 10 * 1024 * 1024);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 0);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 5, 1024);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_config_is_given_back_once)
{
	struct memory memory = {0};

	memory_look(&memory, 200, 0);
	memory_config_went(&memory);
	memory_look(&memory, 100, 0);
	memory_look(&memory, 100, 0);
	/* The first look sees a burst that ebbs. At the second, the listeners of the old config
	 * are still closing. */
	ck_assert_uint_eq(n_trims, 0);
	memory_look(&memory, 100, 0);
	ck_assert_uint_eq(n_trims, 1);
	memory_look(&memory, 100, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(a_slow_decline_counts_from_the_peak)
{
	struct memory memory = {0};

	for (uint64_t n = 2000; n > 2000 - 512; n--) {
		memory_look(&memory, n, 0);
		ck_assert_uint_eq(n_trims, 0);
	}
	memory_look(&memory, 2000 - 512, 0);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(nothing_is_given_back_while_the_burst_ebbs)
{
	struct memory memory = {0};

	for (uint64_t n = 9000; n > 0; n -= 1000) {
		memory_look(&memory, n, n * 1024);
		ck_assert_uint_eq(n_trims, 0);
	}
	memory_look(&memory, 1000, 1000 * 1024);
	ck_assert_uint_eq(n_trims, 1);
}
END_TEST

START_TEST(what_is_not_worth_it_is_left)
{
	struct memory memory = {0};

	for (unsigned i = 0; i < 100; i++) {
		memory_look(&memory, i % 2 * 511, i % 2 * (512 * 1024 - 1));
	}
	ck_assert_uint_eq(n_trims, 0);
}
END_TEST

/* ---- a thread with a burst of memory, as a worker has it ---- */

enum { KIB = 1024, BLOCK = 16 * KIB, SMALL = 64, BLOCKS = 400 };

struct burst {
	/* The threads meet before and after the burst, and at the end. */
	pthread_barrier_t barrier;
	void *blocks[BLOCKS];
	void *smalls[BLOCKS];
};

static void meet(struct burst *burst)
{
	int r = pthread_barrier_wait(&burst->barrier);

	ck_assert(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void *new_block(size_t n)
{
	void *block = malloc(n);

	ck_assert_ptr_nonnull(block);
	return memset(block, 1, n);
}

static void *have_burst(void *arg)
{
	struct burst *burst = arg;

	free(new_block(BLOCK)); /* from here on the thread has its own heap arena */
	meet(burst);
	meet(burst);
	for (size_t i = 0; i < BLOCKS; i++) {
		burst->blocks[i] = new_block(BLOCK);
		burst->smalls[i] = new_block(SMALL);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		free(burst->blocks[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		free(burst->smalls[i]);
	}
	meet(burst);
	meet(burst);
	return NULL;
}

/** Returns the resident KiB of this process that no file backs. */
static long resident(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	ck_assert_ptr_nonnull(file);
	while (kib < 0 && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "RssAnon:", 8) == 0) {
			kib = strtol(line + 8, NULL, 10);
		}
	}
	(void)fclose(file);
	ck_assert_int_ge(kib, 0);
	return kib;
}

static void check_that_a_burst_is_given_back(void)
{
	static struct burst burst;
	struct memory memory = {0};
	pthread_t thread;
	long before;

	ck_assert_int_eq(pthread_barrier_init(&burst.barrier, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, have_burst, &burst), 0);
	meet(&burst);
	before = resident();
	meet(&burst);
	meet(&burst);
	memory_look(&memory, 0, (uint64_t)BLOCKS * BLOCK);
	memory_look(&memory, 0, 0);
	memory_look(&memory, 0, 0);
	ck_assert_uint_eq(n_trims, 1);
	ck_assert_int_le(resident() - before, 512);
	meet(&burst);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(pthread_barrier_destroy(&burst.barrier), 0);
}

START_TEST(small_blocks_keep_nothing_of_a_burst_of_a_thread)
{
	memory_prepare();
	check_that_a_burst_is_given_back();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("memory");

	tcase_add_test(tc, a_burst_of_pairs_is_given_back_once);
	tcase_add_test(tc, a_burst_of_waiting_bytes_is_given_back_once);
	tcase_add_test(tc, a_config_is_given_back_once);
	tcase_add_test(tc, a_slow_decline_counts_from_the_peak);
	tcase_add_test(tc, nothing_is_given_back_while_the_burst_ebbs);
	tcase_add_test(tc, what_is_not_worth_it_is_left);
	if (!SUITE_KEEPS_FREED) {
		tcase_add_test(tc, small_blocks_keep_nothing_of_a_burst_of_a_thread);
	}
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
