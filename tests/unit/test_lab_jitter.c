/* SPDX-License-Identifier: ISC */
/* The jitter of weirlab's toxic `latency`, in virtual time. The delay of a byte depends on the
 * seed, its place, and the bytes it came with, but not on the pieces in which it was read. */
#include <string.h>

#include "lab/chance.h"
#include "lab_rig.h"
#include "suite.h"

#define MS ((uint64_t)NS_PER_MS)

enum { KEY = 7, BYTES_MAX = 256 * 1024 };

static struct lab_rig rig;
static struct toxic *toxic;
static uint64_t came_ns[BYTES_MAX]; /* when each byte was put, */
static uint64_t left_ns[BYTES_MAX]; /* and when it came out */

static void begin(int64_t latency, int64_t jitter)
{
	lab_open(&rig, KEY);
	toxic = lab_add(&rig, "latency", 1, latency, jitter);
}

/** Notes when each byte came out, and closes the rig. */
static void end(void)
{
	size_t n = 0;

	ck_assert(lab_is_exact(&rig));
	for (size_t i = 0; i < rig.n_pieces; i++) {
		for (size_t k = 0; k < rig.pieces[i].n; k++) {
			left_ns[n++] = rig.pieces[i].ns;
		}
	}
	lab_close(&rig);
	toxic = toxic_free(toxic);
}

static void tear_down(void)
{
	if (toxic != NULL) {
		end();
	}
}

/** Puts `n` bytes at this time, in pieces. */
static void put_at(uint64_t at_ns, size_t n, size_t piece)
{
	lab_until(&rig, at_ns);
	ck_assert_uint_le(rig.chain.n_put + n, BYTES_MAX);
	for (size_t i = 0; i < n; i++) {
		came_ns[rig.chain.n_put + i] = at_ns;
	}
	lab_put(&rig, n, piece);
}

static uint64_t delay_of(size_t byte)
{
	return left_ns[byte] - came_ns[byte];
}

/** How many delays there are: one more than there are changes. */
static size_t count_delays(size_t n_bytes, size_t step)
{
	size_t n = 1;

	for (size_t i = step; i < n_bytes; i += step) {
		n += delay_of(i) != delay_of(i - step);
	}
	return n;
}

/** Sends messages of all sizes, some while others are under way. */
static void send_messages(size_t piece)
{
	uint64_t at_ns = NS_PER_S;

	tear_down();
	begin(20, 15);
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t lot = chance_of(KEY, i);

		put_at(at_ns, 1 + chance_below(lot, i % 8 == 0 ? 40000 : 700), piece);
		at_ns += 2 * MS + chance_below(lot, 30 * MS);
	}
	lab_until(&rig, at_ns + 100 * MS);
	ck_assert_uint_eq(rig.n_out, rig.chain.n_put);
}

START_TEST(each_byte_has_its_delay_however_it_was_read)
{
	static uint64_t first_ns[BYTES_MAX];
	static const size_t pieces[] = {BYTES_MAX, 1448, 7};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t n;

		send_messages(pieces[i]);
		n = rig.n_out;
		end();
		if (i == 0) {
			memcpy(first_ns, left_ns, sizeof(first_ns));
		}
		ck_assert_mem_eq(first_ns, left_ns, n * sizeof(left_ns[0]));
	}
}
END_TEST

START_TEST(parts_that_come_one_behind_the_other_have_one_delay)
{
	for (size_t i = 0; i < 10; i++) {
		put_at(NS_PER_S + i * 200 * MS, 1000, 1000);
		put_at(rig.now_ns + 300 * NS_PER_US, 448, 448);
		put_at(rig.now_ns + 900 * NS_PER_US, 52, 52);
	}
	lab_until(&rig, rig.now_ns + 200 * MS);
	end();
	for (size_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(delay_of(i * 1500), delay_of(i * 1500 + 1000));
		ck_assert_uint_eq(delay_of(i * 1500), delay_of(i * 1500 + 1499));
	}
	ck_assert_uint_eq(count_delays(15000, 1500), 10);
}
END_TEST

START_TEST(messages_with_a_pause_between_them_have_delays_of_their_own)
{
	for (size_t i = 0; i < 200; i++) {
		put_at(NS_PER_S + i * 2 * MS, 10, 10);
	}
	lab_until(&rig, rig.now_ns + 200 * MS);
	end();
	ck_assert_uint_gt(count_delays(2000, 10), 150);
}
END_TEST

/** Otherwise a short delay would stay, as each message comes when the last has gone. */
START_TEST(a_message_that_comes_when_the_last_has_gone_has_a_delay_of_its_own)
{
	uint64_t sum = 0;
	uint64_t longest = 0;

	tear_down();
	begin(1, 1);
	for (size_t i = 0; i < 1000; i++) {
		put_at(rig.now_ns, 1, 1);
		while (rig.n_out <= i) {
			lab_until(&rig, rig.wake_ns);
		}
	}
	end();
	for (size_t i = 0; i < 1000; i++) {
		sum += delay_of(i);
		longest = clock_later(longest, delay_of(i));
	}
	ck_assert_uint_gt(sum, 900 * MS);
	ck_assert_uint_lt(sum, 1100 * MS);
	ck_assert_uint_gt(longest, 2 * MS - MS / 10);
	ck_assert_uint_le(longest, 2 * MS);
}
END_TEST

START_TEST(a_stream_without_a_pause_has_more_than_one_delay)
{
	for (size_t i = 0; i < 200; i++) {
		put_at(NS_PER_S + i * MS / 2, 1024, 1024);
	}
	lab_until(&rig, rig.now_ns + 200 * MS);
	end();
	ck_assert_uint_gt(count_delays(200 * 1024, 1024), 10);
}
END_TEST

static void set_up(void)
{
	begin(50, 40);
}

int main(void)
{
	Suite *suite = suite_create("lab jitter");
	TCase *tc = tcase_create("jitter");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, each_byte_has_its_delay_however_it_was_read);
	tcase_add_test(tc, parts_that_come_one_behind_the_other_have_one_delay);
	tcase_add_test(tc, messages_with_a_pause_between_them_have_delays_of_their_own);
	tcase_add_test(tc, a_message_that_comes_when_the_last_has_gone_has_a_delay_of_its_own);
	tcase_add_test(tc, a_stream_without_a_pause_has_more_than_one_delay);
	return suite_run(suite);
}
