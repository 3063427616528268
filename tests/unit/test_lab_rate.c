/* SPDX-License-Identifier: ISC */
/* weirlab's toxic `bandwidth`, in virtual time: how much comes out in how much time. */
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

/** The most bytes in any window of this length that begins with a piece. */
static size_t most_within(uint64_t window_ns)
{
	size_t most = 0;
	size_t sum = 0;
	size_t from = 0;

	for (size_t i = 0; i < rig.n_pieces; i++) {
		sum += rig.pieces[i].n;
		while (rig.pieces[i].ns - rig.pieces[from].ns >= window_ns) {
			sum -= rig.pieces[from++].n;
		}
		most = sum > most ? sum : most;
	}
	return most;
}

/** How late a timer is the i-th time. */
typedef uint64_t late_fn(size_t i);

static uint64_t never_late(size_t i)
{
	(void)i;
	return 0;
}

static uint64_t late_by_a_ms(size_t i)
{
	(void)i;
	return MS;
}

/** The delays of a machine that runs other programs, too. */
static uint64_t late_now_and_then(size_t i)
{
	return i % 100 == 99 ? MS / 2 : 20 * NS_PER_US + i % 7 * NS_PER_US;
}

enum { TURNS = 8 /**< turns of the loop, a nanosecond each: enough to send what is due */ };

/** Puts as much as there is room for, like a reader of a socket that is always full. */
static void fill(void)
{
	size_t room;

	while ((room = chain_room(&rig.chain)) > 0) {
		lab_put(&rig, room < 65536 ? room : 65536, 65536);
	}
}

/** Sends for this time, by timers that are late. */
static void send_for(uint64_t ns, int64_t kb, late_fn *late)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, kb, 0);

	for (size_t i = 0; rig.now_ns < begin_ns + ns; i++) {
		fill();
		rig.now_ns = rig.wake_ns + late(i);
		if (rig.now_ns < begin_ns + ns) {
			lab_run(&rig);
		}
	}
	ck_assert(lab_is_exact(&rig));
	lab_close(&rig);
	toxic_free(toxic);
}

/** Checks a rate over a second, or over a tenth of it if the rate is fast: that has enough
 * pieces. */
static void check_rate(int64_t kb, late_fn *late)
{
	size_t part = kb > 3000 ? 10 : 1;
	size_t share = (size_t)kb * 1000 / part;

	lab_open(&rig, 1);
	send_for(NS_PER_S / part, kb, late);
	ck_assert_msg(rig.n_out <= share, "%ld KB/s: %zu of %zu", (long)kb, rig.n_out, share);
	ck_assert_msg(rig.n_out >= share - share / 100, "%ld KB/s: %zu of %zu", (long)kb, rig.n_out,
		share);
	ck_assert_uint_le(most_within(10 * MS), (size_t)kb * 10 + 16 * 1024);
}

START_TEST(bandwidth_is_exact_over_a_second_and_smooth_within)
{
	static const int64_t rates[] = {1, 10, 100, 1000, 3000, 10000, 50000, 100000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		check_rate(rates[i], never_late);
	}
}
END_TEST

START_TEST(timers_that_are_late_cost_no_bandwidth)
{
	check_rate(2000, late_by_a_ms);
	check_rate(3000, late_by_a_ms);
}
END_TEST

START_TEST(a_busy_machine_costs_no_bandwidth_up_to_100_mb)
{
	static const int64_t rates[] = {1000, 10000, 50000, 100000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		check_rate(rates[i], late_now_and_then);
	}
}
END_TEST

START_TEST(a_rate_above_100_mb_is_never_exceeded)
{
	lab_open(&rig, 1);
	send_for(NS_PER_S / 50, 500 * 1000, late_now_and_then);
	ck_assert_uint_le(rig.n_out, 10 * 1000 * 1000);
	ck_assert_uint_ge(rig.n_out, 9 * 1000 * 1000);
}
END_TEST

/** Sends, and stops for a while in the middle of each hundredth turn that sends; its bytes leave
 * late. */
static void send_in_the_middle_of_which_it_stops(uint64_t ns, int64_t kb, uint64_t stop_ns)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, kb, 0);
	size_t n_turns = 0;

	while (rig.now_ns < begin_ns + ns) {
		size_t first = rig.n_pieces;

		lab_run(&rig);
		fill();
		n_turns += rig.n_pieces > first;
		if (rig.n_pieces > first && n_turns % 100 == 0) {
			rig.now_ns += stop_ns;
		}
		while (first < rig.n_pieces) {
			rig.pieces[first++].ns = rig.now_ns;
		}
		rig.chain.sent_ns = rig.now_ns;
		rig.now_ns = clock_later(rig.now_ns + 5 * NS_PER_US, rig.wake_ns);
	}
	ck_assert(lab_is_exact(&rig));
	lab_close(&rig);
	toxic_free(toxic);
}

START_TEST(what_leaves_late_counts_when_it_leaves)
{
	static const int64_t rates[] = {500, 1000, 10000, 50000, 100000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		lab_open(&rig, 1);
		send_in_the_middle_of_which_it_stops(NS_PER_S / 5, rates[i], 3 * MS);
		ck_assert_uint_le(most_within(10 * MS), (size_t)rates[i] * 10 + 16 * 1024);
		ck_assert_uint_le(rig.n_out, (size_t)rates[i] * 201);
		ck_assert_uint_ge(rig.n_out, (size_t)rates[i] * 190);
	}
}
END_TEST

/** Sends for a second. Each timer is 150 us late, a byte takes 4 ns, and once the program stalls
 * for 6 ms. */
static void send_with_one_stall(int64_t kb)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, kb, 0);
	uint64_t stall_ns = begin_ns + 100 * MS;

	while (rig.now_ns < begin_ns + NS_PER_S) {
		size_t n_out = rig.n_out;

		fill();
		rig.n_pieces = 0; /* there are more than the rig keeps */
		rig.wake_ns = chain_run(&rig.chain, rig.now_ns);
		rig.now_ns += 5 * NS_PER_US + 4 * (rig.n_out - n_out);
		rig.chain.sent_ns = rig.n_out > n_out ? rig.now_ns : rig.chain.sent_ns;
		if (rig.now_ns > stall_ns) {
			rig.now_ns += 6 * MS;
			stall_ns = NS_NEVER;
		}
		if (rig.wake_ns > rig.now_ns + 10 * NS_PER_US) {
			rig.now_ns = rig.wake_ns + 150 * NS_PER_US;
		}
	}
	lab_close(&rig);
	toxic_free(toxic);
}

START_TEST(a_line_that_was_once_held_up_catches_up)
{
	static const int64_t rates[] = {1000, 10000, 50000, 100000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		size_t share = (size_t)rates[i] * 1000;

		lab_open(&rig, 1);
		send_with_one_stall(rates[i]);
		ck_assert_msg(rig.n_out >= share - share / 500 && rig.n_out <= share,
			"%ld KB/s: %zu of %zu", (long)rates[i], rig.n_out, share);
	}
}
END_TEST

/** Sends for half a second, with one stall of 8 ms. */
static void check_hole(int64_t kb, bool is_reader)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, kb, 0);
	uint64_t hole_ns = begin_ns + 50 * MS;
	size_t share = (size_t)kb * 500;

	while (rig.now_ns < begin_ns + NS_PER_S / 2) {
		fill();
		rig.now_ns = clock_earlier(rig.wake_ns, begin_ns + NS_PER_S / 2);
		if (rig.now_ns > hole_ns) {
			rig.room = is_reader ? 0 : SIZE_MAX;
			lab_until(&rig, is_reader ? hole_ns + 8 * MS : rig.now_ns);
			rig.room = SIZE_MAX;
			rig.now_ns = hole_ns + 8 * MS;
			hole_ns = NS_NEVER - 8 * MS;
		}
		lab_run(&rig);
	}
	ck_assert(lab_is_exact(&rig));
	ck_assert_msg(rig.n_out <= share, "%ld KB/s: %zu of %zu", (long)kb, rig.n_out, share);
	ck_assert_msg(rig.n_out >= share - share / 200, "%ld KB/s: %zu of %zu", (long)kb, rig.n_out,
		share);
	ck_assert_uint_le(most_within(10 * MS), (size_t)kb * 10 + 16 * 1024);
	lab_close(&rig);
	toxic_free(toxic);
}

START_TEST(a_hole_of_eight_ms_costs_no_bandwidth)
{
	static const int64_t rates[] = {100, 3000, 20000, 50000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		lab_open(&rig, 1);
		check_hole(rates[i], false);
	}
	lab_open(&rig, 1);
	check_hole(20000, true);
}
END_TEST

static void send_until(uint64_t end_ns)
{
	while (rig.now_ns < end_ns) {
		fill();
		rig.now_ns = clock_earlier(rig.wake_ns, end_ns);
		lab_run(&rig);
	}
}

/** Sends while the reader takes nothing for half a second. The kernel takes two more pieces, for
 * which we are late as usual, and sends them when the reader goes on. */
static void check_blocked(int64_t kb, uint64_t late_ns)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, kb, 0);
	size_t n_before;
	size_t n_out;

	send_until(begin_ns + 20 * MS);
	n_before = rig.n_pieces;
	n_out = rig.n_out;
	while (rig.n_pieces < n_before + 2) {
		fill();
		rig.now_ns = rig.wake_ns + late_ns;
		lab_run(&rig);
		rig.held = rig.n_out - n_out;
	}
	rig.room = 0;
	n_before = rig.n_pieces;
	send_until(rig.now_ns + 500 * MS);
	ck_assert_uint_eq(rig.n_pieces, n_before);
	ck_assert_uint_eq(rig.wake_ns, NS_NEVER);
	for (size_t i = n_before - 2; i < n_before; i++) {
		rig.pieces[i].ns = rig.now_ns;
	}
	rig.held = 0;
	rig.room = SIZE_MAX;
	lab_run(&rig);
	send_until(rig.now_ns + 30 * MS);
	ck_assert(lab_is_exact(&rig));
	ck_assert_uint_le(most_within(10 * MS), (size_t)kb * 10 + 16 * 1024);
	ck_assert_uint_ge(rig.n_out, (size_t)kb * 49);
	lab_close(&rig);
	toxic_free(toxic);
}

START_TEST(a_reader_that_took_nothing_gets_no_burst)
{
	static const int64_t rates[] = {10, 100, 700, 800, 3000, 20000, 100000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		lab_open(&rig, 1);
		check_blocked(rates[i], 0);
		lab_open(&rig, 1);
		check_blocked(rates[i], 8 * MS);
	}
}
END_TEST

START_TEST(an_end_that_closes_waits_for_no_receiver)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 1000, 0);

	rig.room = 0;
	rig.held = 1000 * 1000;
	lab_put(&rig, 60000, 1000);
	lab_end(&rig, CHUNK_RESET);
	lab_until(&rig, begin_ns + 60 * MS - 1);
	ck_assert(!rig.chain.is_over);
	lab_until(&rig, begin_ns + 60 * MS);
	ck_assert_uint_eq(rig.n_out, 60000);
	ck_assert(rig.chain.is_over);
	ck_assert_int_eq(rig.chain.last, CHUNK_RESET);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(what_the_kernel_holds_counts_only_for_the_last_toxic)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 1000, 0);
	struct toxic *last = lab_add(&rig, "latency", 1, 0, 0);

	rig.held = 1000 * 1000;
	lab_put(&rig, 60000, 1000);
	lab_until(&rig, begin_ns + 61 * MS);
	ck_assert_uint_eq(rig.n_out, 60000);
	lab_close(&rig);
	toxic_free(toxic);
	toxic_free(last);
}
END_TEST

START_TEST(a_stall_of_our_own_is_followed_by_no_burst)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 3000, 0);
	bool has_stalled = false;

	while (rig.now_ns < begin_ns + NS_PER_S) {
		fill();
		rig.now_ns = rig.wake_ns;
		if (!has_stalled && rig.now_ns > begin_ns + 500 * MS) {
			has_stalled = true;
			rig.now_ns += 100 * MS;
		}
		lab_run(&rig);
	}
	ck_assert_uint_le(most_within(10 * MS), 3000 * 10 + 16 * 1024);
	ck_assert_uint_le(rig.n_out, 3000 * 1000);
	ck_assert_uint_ge(rig.n_out, 3000 * 900);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

START_TEST(a_line_that_was_free_saves_nothing_up)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 1, 0);

	lab_until(&rig, begin_ns + 10000 * MS);
	lab_put(&rig, 100, 100);
	ck_assert_uint_eq(rig.n_out, 0);
	lab_until(&rig, begin_ns + 10050 * MS);
	ck_assert_uint_eq(rig.n_out, 50);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

/** A full window loses the time that it takes to send a turn's bytes. With 100 KB in a turn, a
 * line of 100 MB/s that was once behind never caught up. */
START_TEST(a_line_that_is_behind_sends_little_between_two_looks_at_the_clock)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 100000, 0);

	fill();
	rig.now_ns += 9 * MS;
	lab_run(&rig);
	ck_assert_uint_gt(rig.n_out, 0);
	ck_assert_uint_le(rig.n_out, 16 * 1024);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

/** The bytes of the last turn are counted, but they are in no slot yet. */
START_TEST(a_pause_of_any_length_empties_the_window_at_once)
{
	struct toxic *toxic = lab_add(&rig, "bandwidth", 1, 10000, 0);
	uint64_t pause_ns = UINT64_C(100) * 365 * 24 * 3600 * NS_PER_S;
	size_t n_before;

	lab_put(&rig, 40000, 40000);
	rig.now_ns += 9 * MS;
	lab_until(&rig, rig.now_ns + TURNS);
	n_before = rig.n_out;
	ck_assert_uint_eq(n_before, 40000);

	rig.chain.sent_ns = rig.now_ns + pause_ns;
	rig.now_ns += pause_ns + 11 * MS;
	fill();
	rig.now_ns += 9 * MS;
	lab_until(&rig, rig.now_ns + TURNS);
	/* Less than one piece still waits. */
	ck_assert_uint_gt(rig.n_out - n_before, 9 * 10000 - 6 * 1024);
	lab_close(&rig);
	toxic_free(toxic);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lab rate");
	TCase *tc = tcase_create("bandwidth");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, bandwidth_is_exact_over_a_second_and_smooth_within);
	tcase_add_test(tc, timers_that_are_late_cost_no_bandwidth);
	tcase_add_test(tc, a_busy_machine_costs_no_bandwidth_up_to_100_mb);
	tcase_add_test(tc, a_rate_above_100_mb_is_never_exceeded);
	tcase_add_test(tc, what_leaves_late_counts_when_it_leaves);
	tcase_add_test(tc, a_hole_of_eight_ms_costs_no_bandwidth);
	tcase_add_test(tc, a_line_that_was_once_held_up_catches_up);
	tcase_add_test(tc, a_reader_that_took_nothing_gets_no_burst);
	tcase_add_test(tc, an_end_that_closes_waits_for_no_receiver);
	tcase_add_test(tc, what_the_kernel_holds_counts_only_for_the_last_toxic);
	tcase_add_test(tc, a_stall_of_our_own_is_followed_by_no_burst);
	tcase_add_test(tc, a_line_that_was_free_saves_nothing_up);
	tcase_add_test(tc, a_line_that_is_behind_sends_little_between_two_looks_at_the_clock);
	tcase_add_test(tc, a_pause_of_any_length_empties_the_window_at_once);
	return suite_run(suite);
}
