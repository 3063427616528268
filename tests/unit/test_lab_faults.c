/* SPDX-License-Identifier: ISC */
/* The toxics that only weirlab has, in virtual time: when they begin and end, and what they do. */
#include <string.h>

#include "lab/trigger.h"
#include "lab_rig.h"
#include "suite.h"

#define MS ((uint64_t)NS_PER_MS)

static struct lab_rig rig;
static struct toxic *toxic;
static const uint64_t begin_ns = NS_PER_S;

static void set_up(void)
{
	lab_open(&rig, 1);
}

static void tear_down(void)
{
	lab_close(&rig);
	toxic = toxic_free(toxic);
}

/** Adds the toxic of the test. `extra` is its first attribute after those of
 * TRIGGER_TABLE (trigger.h). */
static void add(
	const char *type, int64_t after_ms, int64_t after_bytes, int64_t for_ms, int64_t extra)
{
	toxic = lab_add(&rig, type, 1, after_ms, after_bytes);
	toxic->begun_ns = rig.now_ns;
	toxic->values[FOR_MS] = for_ms;
	if (toxic->type->attributes[TRIGGER_ATTRIBUTES].name != NULL) {
		toxic->values[TRIGGER_ATTRIBUTES] = extra;
	}
	lab_run(&rig);
}

enum { STOP = 0, DROP = 1, FIN = 0, RST = 1 };

START_TEST(freeze_lets_exactly_its_bytes_pass_and_reads_no_more)
{
	add("freeze", 0, 55, 0, STOP);
	lab_put(&rig, 100, 10);
	ck_assert_uint_eq(rig.n_out, 55);
	ck_assert_uint_eq(chain_room(&rig.chain), 0);
	lab_until(&rig, begin_ns + 60000 * MS);
	ck_assert_uint_eq(rig.n_out, 55);
}
END_TEST

START_TEST(freeze_ends_after_its_time_and_nothing_is_lost)
{
	add("freeze", 100, 0, 200, STOP);
	lab_put(&rig, 10, 10);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(chain_room(&rig.chain), 0);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 300 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 300 * MS);
	ck_assert_uint_eq(rig.n_out, 20);
	ck_assert_uint_gt(chain_room(&rig.chain), 0);
	ck_assert(lab_is_exact(&rig));
}
END_TEST

START_TEST(freeze_can_drop_and_keeps_the_end)
{
	add("freeze", 0, 0, 100, DROP);
	lab_put(&rig, 1000000, 60000);
	lab_end(&rig, CHUNK_END);
	ck_assert_uint_eq(rig.n_out, 0);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 0);
	ck_assert(rig.chain.is_over);
}
END_TEST

START_TEST(what_a_frozen_stage_held_goes_on_when_it_is_taken_away)
{
	add("freeze", 0, 0, 0, STOP);
	lab_put(&rig, 10, 10);
	chain_remove(&rig.chain, toxic, rig.now_ns);
	lab_run(&rig);
	ck_assert_uint_eq(rig.n_out, 10);
}
END_TEST

START_TEST(cut_comes_after_its_bytes_by_fin_or_by_reset)
{
	static const enum chunk_kind kinds[] = {[FIN] = CHUNK_CUT, [RST] = CHUNK_RESET};

	for (int64_t how = FIN; how <= RST; how++) {
		tear_down();
		set_up();
		add("cut", 0, 55, 0, how);
		lab_put(&rig, 54, 10);
		ck_assert(!rig.chain.is_over);
		lab_put(&rig, 10, 10);
		ck_assert_uint_eq(rig.n_out, 55);
		ck_assert(rig.chain.is_over);
		ck_assert_int_eq(rig.chain.last, kinds[how]);
	}
}
END_TEST

START_TEST(cut_comes_at_its_time_whatever_flows)
{
	add("cut", 100, 0, 0, FIN);
	ck_assert_uint_eq(rig.wake_ns, begin_ns + 100 * MS);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 100 * MS - 1);
	lab_put(&rig, 10, 10);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 20);
	ck_assert_int_eq(rig.chain.last, CHUNK_CUT);
}
END_TEST

START_TEST(the_first_of_bytes_and_time_counts)
{
	add("cut", 100, 20, 0, FIN);
	lab_put(&rig, 30, 10);
	ck_assert(rig.chain.is_over);
	ck_assert_uint_eq(rig.n_out, 20);
	tear_down();
	set_up();
	add("cut", 100, 20, 0, FIN);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert(rig.chain.is_over);
}
END_TEST

START_TEST(half_close_ends_this_direction)
{
	add("half_close", 0, 5, 0, 0);
	lab_put(&rig, 10, 10);
	ck_assert_uint_eq(rig.n_out, 5);
	ck_assert_int_eq(rig.chain.last, CHUNK_END);
}
END_TEST

START_TEST(cut_waits_for_no_receiver)
{
	add("cut", 100, 0, 0, FIN);
	rig.room = 0;
	lab_put(&rig, 1000, 100);
	lab_until(&rig, begin_ns + 100 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 1000);
	ck_assert(lab_is_exact(&rig));
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_CUT);
}
END_TEST

START_TEST(cut_before_a_line_waits_for_no_receiver)
{
	struct toxic *line;

	add("cut", 100, 0, 0, FIN);
	line = lab_add(&rig, "bandwidth", 1, 1, 0);
	rig.room = 0;
	lab_put(&rig, 1000, 100);
	lab_until(&rig, begin_ns + 2000 * MS);
	ck_assert_uint_eq(rig.n_out, 1000);
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_CUT);
	lab_close(&rig);
	toxic_free(line);
}
END_TEST

START_TEST(half_close_waits_for_the_receiver)
{
	add("half_close", 100, 0, 0, 0);
	rig.room = 0;
	lab_put(&rig, 1000, 100);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 0);
	rig.room = SIZE_MAX;
	lab_run(&rig);
	ck_assert_uint_eq(rig.n_out, 1000);
	ck_assert_int_eq(rig.chain.last, CHUNK_END);
}
END_TEST

START_TEST(drip_lets_a_byte_go_each_time)
{
	add("drip", 0, 3, 0, 50);
	lab_put(&rig, 10, 10);
	ck_assert_uint_eq(rig.n_out, 4);
	for (size_t i = 1; i <= 6; i++) {
		lab_until(&rig, begin_ns + i * 50 * MS - 1);
		ck_assert_uint_eq(rig.n_out, 3 + i);
		lab_until(&rig, begin_ns + i * 50 * MS);
		ck_assert_uint_eq(rig.n_out, 4 + i);
	}
	ck_assert(lab_is_exact(&rig));
}
END_TEST

START_TEST(drip_counts_bytes_and_not_the_pieces_in_which_they_come)
{
	add("drip", 0, 0, 0, 50);
	toxic->values[TRIGGER_ATTRIBUTES + 1] = 100;
	lab_put(&rig, 30, 10);
	ck_assert_uint_eq(rig.n_out, 30);
	lab_until(&rig, begin_ns + 20 * MS);
	lab_put(&rig, 200, 40); /* 70 of them complete the first drop */
	ck_assert_uint_eq(rig.n_out, 100);
	lab_until(&rig, begin_ns + 70 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 100);
	lab_until(&rig, begin_ns + 70 * MS);
	ck_assert_uint_eq(rig.n_out, 200);
	lab_until(&rig, begin_ns + 120 * MS);
	ck_assert_uint_eq(rig.n_out, 230);
	ck_assert(lab_is_exact(&rig));
}
END_TEST

START_TEST(drip_that_is_over_lets_all_go)
{
	add("drip", 0, 0, 120, 50);
	lab_put(&rig, 100, 100);
	lab_until(&rig, begin_ns + 120 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 3);
	lab_until(&rig, begin_ns + 120 * MS);
	ck_assert_uint_eq(rig.n_out, 100);
}
END_TEST

START_TEST(corrupt_flips_a_bit_in_each_hundred_bytes_whatever_the_pieces)
{
	static uint8_t first[100000];
	static unsigned n_changed[1000];
	static unsigned n_at[100];

	add("corrupt", 0, 1000, 0, 100);
	lab_put(&rig, sizeof(first), 777);
	ck_assert_uint_eq(rig.n_out, sizeof(first));
	memcpy(first, rig.out, sizeof(first));
	tear_down();
	set_up();
	add("corrupt", 0, 1000, 0, 100);
	lab_put(&rig, sizeof(first), 50000);
	ck_assert_mem_eq(first, rig.out, sizeof(first));
	for (size_t i = 0; i < sizeof(first); i++) {
		uint8_t flipped = first[i] ^ (uint8_t)(i ^ (i >> 8) ^ (i >> 16));

		ck_assert(flipped == 0 || i >= 1000);
		ck_assert_int_le(__builtin_popcount(flipped), 1);
		n_changed[i / 100] += flipped != 0;
		n_at[i % 100] += flipped != 0;
	}
	for (size_t i = 10; i < 1000; i++) {
		ck_assert_uint_eq(n_changed[i], 1);
	}
	for (size_t i = 0; i < 100; i++) { /* about 10 are expected */
		ck_assert_uint_lt(n_at[i], 30);
	}
}
END_TEST

START_TEST(for_all_at_once_one_connection_strikes_the_others)
{
	static struct lab_rig other;

	add("cut", 0, 100, 0, FIN);
	toxic->values[SCOPE] = SCOPE_PROXY;
	lab_open(&other, 2);
	ck_assert_int_eq(chain_add(&other.chain, toxic, other.now_ns), 0);
	lab_put(&other, 60, 60);
	lab_put(&rig, 30, 30);
	ck_assert(!rig.chain.is_over);
	lab_put(&other, 60, 60);
	ck_assert_uint_eq(other.n_out, 70);
	ck_assert(other.chain.is_over);
	lab_run(&rig);
	ck_assert(rig.chain.is_over);
	ck_assert_uint_eq(rig.n_out, 30);
	lab_close(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lab_faults");
	TCase *tc = tcase_create("faults");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, freeze_lets_exactly_its_bytes_pass_and_reads_no_more);
	tcase_add_test(tc, freeze_ends_after_its_time_and_nothing_is_lost);
	tcase_add_test(tc, freeze_can_drop_and_keeps_the_end);
	tcase_add_test(tc, what_a_frozen_stage_held_goes_on_when_it_is_taken_away);
	tcase_add_test(tc, cut_comes_after_its_bytes_by_fin_or_by_reset);
	tcase_add_test(tc, cut_comes_at_its_time_whatever_flows);
	tcase_add_test(tc, the_first_of_bytes_and_time_counts);
	tcase_add_test(tc, half_close_ends_this_direction);
	tcase_add_test(tc, cut_waits_for_no_receiver);
	tcase_add_test(tc, cut_before_a_line_waits_for_no_receiver);
	tcase_add_test(tc, half_close_waits_for_the_receiver);
	tcase_add_test(tc, drip_lets_a_byte_go_each_time);
	tcase_add_test(tc, drip_counts_bytes_and_not_the_pieces_in_which_they_come);
	tcase_add_test(tc, drip_that_is_over_lets_all_go);
	tcase_add_test(tc, corrupt_flips_a_bit_in_each_hundred_bytes_whatever_the_pieces);
	tcase_add_test(tc, for_all_at_once_one_connection_strikes_the_others);
	return suite_run(suite);
}
