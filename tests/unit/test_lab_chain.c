/* SPDX-License-Identifier: ISC */
/* Chains of weirlab's toxics, in virtual time: what comes out, and when. */
#include "lab_rig.h"
#include "suite.h"

#define MS ((uint64_t)NS_PER_MS)

static struct lab_rig rig;
static const uint64_t begin_ns = NS_PER_S;

static void set_up(void)
{
	lab_open(&rig, 1);
}

static void tear_down(void)
{
	lab_close(&rig);
}

/** The memory of all chunks in a chain. */
static size_t load(const struct chain *chain)
{
	size_t n = chain->out.load;

	list_for_each (link, &chain->stages) {
		n += container_of(link, struct stage, link)->in.load;
	}
	return n;
}

/* ---- chains ---- */

START_TEST(without_toxics_bytes_pass_at_once)
{
	lab_put(&rig, 1000, 100);
	lab_end(&rig, CHUNK_END);
	ck_assert_uint_eq(rig.n_out, 1000);
	ck_assert(lab_is_exact(&rig));
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_END);
	ck_assert(chain_is_idle(&rig.chain));
}
END_TEST

START_TEST(a_sink_without_room_gets_nothing_and_the_rest_later)
{
	rig.room = 0;
	lab_put(&rig, 1000, 100);
	ck_assert_uint_eq(rig.n_out, 0);
	rig.room = 1;
	lab_run(&rig);
	ck_assert_uint_eq(rig.n_out, 1000);
	ck_assert(lab_is_exact(&rig));
}
END_TEST

START_TEST(a_run_sends_few_pieces_and_the_next_goes_on)
{
	struct toxic *toxic = lab_add3(&rig, "slicer", 1, 0, 0);
	static const uint8_t bytes[1000];
	size_t n = 0;

	chain_put(&rig.chain, bytes, sizeof(bytes), rig.now_ns);
	while (rig.n_out < sizeof(bytes)) {
		ck_assert_uint_eq(chain_run(&rig.chain, rig.now_ns),
			rig.n_out < sizeof(bytes) ? rig.now_ns + 1 : NS_NEVER);
		ck_assert_uint_le(rig.n_out, n + CHAIN_RUN_CHUNKS);
		ck_assert_uint_gt(rig.n_out, n);
		n = rig.n_out;
	}
	ck_assert_uint_eq(rig.n_pieces, sizeof(bytes));
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(what_is_in_flight_is_bounded)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 1, 0);

	while (chain_room(&rig.chain) > 0) {
		size_t room = chain_room(&rig.chain);

		lab_put(&rig, room < 4096 ? room : 4096, 4096);
	}
	ck_assert_uint_le(load(&rig.chain), 300 * 1024);
	ck_assert_uint_eq(chain_bytes(&rig.chain), rig.chain.n_put - rig.n_out);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(five_toxics_in_a_chain_lose_and_reorder_nothing)
{
	struct toxic *toxics[] = {
		lab_add(&rig, "latency", 1, 20, 10),
		lab_add3(&rig, "slicer", 100, 50, 10),
		lab_add(&rig, "bandwidth", 1, 1000, 0),
		lab_add(&rig, "latency", 1, 5, 5),
		lab_add(&rig, "slow_close", 1, 100, 0),
	};

	for (size_t i = 0; i < 100; i++) {
		lab_put(&rig, 1000, 333);
		lab_until(&rig, rig.now_ns + MS / 2);
	}
	lab_end(&rig, CHUNK_END);
	lab_until(&rig, rig.now_ns + 2000 * MS);
	ck_assert_uint_eq(rig.n_out, 100000);
	ck_assert(lab_is_exact(&rig));
	ck_assert(rig.chain.is_over);
	ck_assert_uint_ge(rig.pieces[0].ns, begin_ns + 10 * MS);
	lab_close(&rig);
	for (size_t i = 0; i < sizeof(toxics) / sizeof(toxics[0]); i++) {
		toxic_free(toxics[i]);
	}
}
END_TEST

START_TEST(toxicity_0_never_bites_and_1_always_does)
{
	for (uint64_t key = 0; key < 1000; key++) {
		struct toxic *never;
		struct toxic *always;

		lab_close(&rig);
		lab_open(&rig, key);
		never = lab_add(&rig, "timeout", 0, 0, 0);
		always = lab_add(&rig, "latency", 1, 10, 0);
		lab_put(&rig, 10, 10);
		ck_assert_uint_eq(rig.n_out, 0);
		lab_until(&rig, begin_ns + 10 * MS);
		ck_assert_uint_eq(rig.n_out, 10);
		lab_close(&rig);
		toxic_free(never);
		toxic_free(always);
	}
}
END_TEST

START_TEST(toxicity_bites_its_part_of_the_connections_by_the_seed)
{
	size_t n_bitten[2] = {0};

	for (uint64_t key = 0; key < 4000; key++) {
		for (size_t i = 0; i < 2; i++) {
			struct toxic *toxic;

			lab_close(&rig);
			lab_open(&rig, key);
			toxic = lab_add(&rig, "latency", 0.25, 10, 0);
			lab_put(&rig, 1, 1);
			n_bitten[i] += rig.n_out == 0;
			lab_close(&rig);
			toxic_free(toxic);
		}
	}
	ck_assert_uint_eq(n_bitten[0], n_bitten[1]);
	ck_assert_uint_gt(n_bitten[0], 900);
	ck_assert_uint_lt(n_bitten[0], 1100);
}
END_TEST

/* ---- changes in flight ---- */

/** A toxic of each type holds bytes. When it is removed, they come out. */
START_TEST(a_toxic_that_goes_leaves_what_is_in_flight)
{
	static const struct {
		const char *type;
		int64_t values[3];
	} cases[] = {
		{"latency", {60000, 0, 0}},
		{"bandwidth", {0, 0, 0}},
		{"bandwidth", {1, 0, 0}},
		{"slicer", {10, 0, 1000000}},
		{"slow_close", {60000, 0, 0}},
		{"limit_data", {1000000, 0, 0}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct toxic *toxic;

		lab_close(&rig);
		lab_open(&rig, 1);
		toxic = lab_add3(&rig, cases[i].type, cases[i].values[0], cases[i].values[1],
			cases[i].values[2]);
		lab_put(&rig, 1000, 100);
		lab_end(&rig, CHUNK_END);
		ck_assert_msg(!rig.chain.is_over || i == 5, "%s", cases[i].type);
		chain_remove(&rig.chain, toxic, rig.now_ns);
		lab_run(&rig);
		ck_assert_msg(rig.n_out == 1000, "%s", cases[i].type);
		ck_assert(lab_is_exact(&rig));
		ck_assert(rig.chain.is_over);
		ck_assert_int_eq(rig.chain.last, CHUNK_END);
		toxic_free(toxic);
	}
}
END_TEST

START_TEST(what_a_toxic_in_the_middle_leaves_keeps_its_place)
{
	struct toxic *first = lab_add(&rig, "latency", 1, 100, 0);
	struct toxic *second = lab_add(&rig, "latency", 1, 1000, 0);
	struct toxic *third = lab_add(&rig, "latency", 1, 50, 0);

	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 120 * MS);
	lab_put(&rig, 10, 10);
	chain_remove(&rig.chain, second, rig.now_ns);
	lab_run(&rig);
	lab_until(&rig, begin_ns + 170 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_until(&rig, begin_ns + 170 * MS);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 270 * MS);
	ck_assert_uint_eq(rig.n_out, 20);
	ck_assert(lab_is_exact(&rig));
	lab_close(&rig);
	toxic_free(first);
	toxic_free(second);
	toxic_free(third);
}
END_TEST

START_TEST(a_shorter_latency_counts_for_what_is_in_flight)
{
	struct toxic *toxic = lab_add(&rig, "latency", 1, 60000, 0);

	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 5 * MS);
	toxic->values[0] = 10;
	chain_update(&rig.chain, toxic, rig.now_ns);
	lab_run(&rig);
	ck_assert_uint_eq(rig.n_out, 0);
	ck_assert_uint_eq(rig.wake_ns, begin_ns + 10 * MS);
	lab_until(&rig, begin_ns + 10 * MS);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

/* ---- latency ---- */

START_TEST(latency_behind_which_nothing_is_taken_holds_its_sender_up)
{
	struct toxic *toxic = lab_add(&rig, "latency", 1, 1, 0);
	size_t room;

	rig.room = 0;
	for (size_t n = 0; n < 64 && (room = chain_room(&rig.chain)) > 0; n++) {
		lab_put(&rig, room < CHAIN_ROOM ? room : CHAIN_ROOM, CHAIN_ROOM);
		lab_until(&rig, rig.now_ns + 2 * MS);
	}
	ck_assert_uint_eq(chain_room(&rig.chain), 0);
	ck_assert_uint_le(load(&rig.chain), 4 * CHAIN_ROOM);
	/* The reader reads again, so there is room again for bytes in flight. */
	rig.room = SIZE_MAX;
	lab_run(&rig);
	lab_put(&rig, 1, 1);
	ck_assert_uint_gt(chain_room(&rig.chain), 100 * CHAIN_ROOM);
	lab_until(&rig, rig.now_ns + MS);
	ck_assert(lab_is_exact(&rig));
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(latency_lets_no_byte_go_early_and_none_wait)
{
	struct toxic *toxic = lab_add(&rig, "latency", 1, 100, 0);

	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 30 * MS);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 100 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 130 * MS - 1);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 130 * MS);
	ck_assert_uint_eq(rig.n_out, 20);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(jitter_is_within_its_bounds_and_the_same_for_the_same_seed)
{
	uint64_t times[2][200];

	for (size_t run = 0; run < 2; run++) {
		struct toxic *toxic;
		uint64_t least = NS_NEVER;
		uint64_t most = 0;

		lab_close(&rig);
		lab_open(&rig, 7);
		toxic = lab_add(&rig, "latency", 1, 100, 50);
		for (size_t i = 0; i < 200; i++) {
			uint64_t sent_ns = rig.now_ns;

			lab_put(&rig, 1, 1);
			lab_until(&rig, sent_ns + 1000 * MS);
			times[run][i] = rig.pieces[i].ns - sent_ns;
			least = clock_earlier(least, times[run][i]);
			most = clock_later(most, times[run][i]);
		}
		ck_assert_uint_ge(least, 50 * MS);
		ck_assert_uint_lt(least, 60 * MS);
		ck_assert_uint_le(most, 150 * MS);
		ck_assert_uint_gt(most, 140 * MS);
		lab_close(&rig);
		toxic_free(toxic);
	}
	ck_assert_mem_eq(times[0], times[1], sizeof(times[0]));
}
END_TEST

/* ---- slicer ---- */

START_TEST(slices_have_their_sizes_and_pauses)
{
	struct toxic *toxic = lab_add3(&rig, "slicer", 100, 20, 1000);

	lab_put(&rig, 10000, 10000);
	lab_until(&rig, begin_ns + 200 * MS);
	ck_assert_uint_eq(rig.n_out, 10000);
	ck_assert(lab_is_exact(&rig));
	for (size_t i = 0; i < rig.n_pieces; i++) {
		ck_assert_uint_le(rig.pieces[i].n, 120);
		ck_assert(rig.pieces[i].n >= 80 || i + 1 == rig.n_pieces);
		ck_assert_uint_eq(rig.pieces[i].ns, begin_ns + i * MS);
	}
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

/** Whether a piece ended after this many bytes. */
static bool is_cut_at(size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < rig.n_pieces && n < at; i++) {
		n += rig.pieces[i].n;
	}
	return n == at;
}

START_TEST(slices_end_where_they_do_however_the_bytes_come)
{
	enum { ALL = 10000, PART = 33 };
	static bool ends[ALL + 1];

	for (size_t run = 0; run < 2; run++) {
		struct toxic *toxic;

		lab_close(&rig);
		lab_open(&rig, 3);
		toxic = lab_add3(&rig, "slicer", 20, 10, 0);
		lab_put(&rig, ALL, run == 0 ? ALL : PART);
		ck_assert_uint_eq(rig.n_out, ALL);
		ck_assert(lab_is_exact(&rig));
		for (size_t at = 1; at <= ALL; at++) {
			if (run == 0) {
				ends[at] = is_cut_at(at);
			} else {
				ck_assert_msg(
					is_cut_at(at) == (ends[at] || at % PART == 0), "%zu", at);
			}
		}
		ck_assert_uint_gt(rig.n_pieces, ALL / 30);
		lab_close(&rig);
		toxic_free(toxic);
	}
}
END_TEST

START_TEST(a_slicer_without_a_size_cuts_single_bytes)
{
	struct toxic *toxic = lab_add3(&rig, "slicer", 0, 0, 0);

	lab_put(&rig, 100, 100);
	ck_assert_uint_eq(rig.n_out, 100);
	ck_assert_uint_eq(rig.n_pieces, 100);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

/* ---- ends ---- */

START_TEST(slow_close_keeps_only_the_end)
{
	struct toxic *toxic = lab_add(&rig, "slow_close", 1, 100, 0);

	lab_put(&rig, 10, 10);
	lab_end(&rig, CHUNK_END);
	ck_assert_uint_eq(rig.n_out, 10);
	lab_until(&rig, begin_ns + 100 * MS - 1);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert(rig.chain.is_over);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(timeout_drops_and_closes_after_its_time_without_bytes)
{
	struct toxic *toxic = lab_add(&rig, "timeout", 1, 100, 0);

	lab_until(&rig, begin_ns + 50 * MS);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 150 * MS - 1);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 150 * MS);
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_CLOSE);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(timeout_0_drops_for_ever_and_closes_when_it_goes)
{
	struct toxic *toxic = lab_add(&rig, "timeout", 1, 0, 0);

	lab_put(&rig, 10, 10);
	ck_assert_uint_eq(rig.wake_ns, NS_NEVER);
	ck_assert_uint_gt(chain_room(&rig.chain), 0);
	chain_remove(&rig.chain, toxic, rig.now_ns);
	lab_run(&rig);
	ck_assert_int_eq(rig.chain.last, CHUNK_CLOSE);
	ck_assert_uint_eq(rig.n_out, 0);
	toxic_free(toxic);
}
END_TEST

START_TEST(reset_peer_counts_from_the_first_byte)
{
	struct toxic *toxic = lab_add(&rig, "reset_peer", 1, 100, 0);

	lab_until(&rig, begin_ns + 500 * MS);
	ck_assert(!rig.chain.is_over);
	lab_put(&rig, 10, 10);
	lab_until(&rig, begin_ns + 600 * MS - 1);
	lab_put(&rig, 10, 10);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 600 * MS);
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_ABORT);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(limit_data_closes_behind_its_last_byte)
{
	struct toxic *limit = lab_add(&rig, "limit_data", 1, 55, 0);
	struct toxic *latency = lab_add(&rig, "latency", 1, 100, 0);

	lab_put(&rig, 100, 10);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 55);
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_CLOSE);
	lab_close(&rig);
	toxic_free(limit);
	toxic_free(latency);
}
END_TEST

START_TEST(a_reset_goes_behind_the_bytes_before_it)
{
	struct toxic *latency = lab_add(&rig, "latency", 1, 100, 0);

	lab_put(&rig, 10, 10);
	lab_end(&rig, CHUNK_RESET);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, 10);
	ck_assert_int_eq(rig.chain.last, CHUNK_RESET);
	lab_close(&rig);
	toxic_free(latency);
}
END_TEST

static void add_ends(TCase *tc)
{
	tcase_add_test(tc, slow_close_keeps_only_the_end);
	tcase_add_test(tc, timeout_drops_and_closes_after_its_time_without_bytes);
	tcase_add_test(tc, timeout_0_drops_for_ever_and_closes_when_it_goes);
	tcase_add_test(tc, reset_peer_counts_from_the_first_byte);
	tcase_add_test(tc, limit_data_closes_behind_its_last_byte);
	tcase_add_test(tc, a_reset_goes_behind_the_bytes_before_it);
}

int main(void)
{
	Suite *suite = suite_create("lab_chain");
	TCase *tc = tcase_create("chain");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, without_toxics_bytes_pass_at_once);
	tcase_add_test(tc, a_sink_without_room_gets_nothing_and_the_rest_later);
	tcase_add_test(tc, a_run_sends_few_pieces_and_the_next_goes_on);
	tcase_add_test(tc, what_is_in_flight_is_bounded);
	tcase_add_test(tc, five_toxics_in_a_chain_lose_and_reorder_nothing);
	tcase_add_test(tc, toxicity_0_never_bites_and_1_always_does);
	tcase_add_test(tc, toxicity_bites_its_part_of_the_connections_by_the_seed);
	tcase_add_test(tc, a_toxic_that_goes_leaves_what_is_in_flight);
	tcase_add_test(tc, what_a_toxic_in_the_middle_leaves_keeps_its_place);
	tcase_add_test(tc, a_shorter_latency_counts_for_what_is_in_flight);
	tcase_add_test(tc, latency_behind_which_nothing_is_taken_holds_its_sender_up);
	tcase_add_test(tc, latency_lets_no_byte_go_early_and_none_wait);
	tcase_add_test(tc, jitter_is_within_its_bounds_and_the_same_for_the_same_seed);
	tcase_add_test(tc, slices_have_their_sizes_and_pauses);
	tcase_add_test(tc, slices_end_where_they_do_however_the_bytes_come);
	tcase_add_test(tc, a_slicer_without_a_size_cuts_single_bytes);
	add_ends(tc);
	return suite_run(suite);
}
