/* SPDX-License-Identifier: ISC */
/* The drain of a pair, in virtual time. test_pair_timers.c tests what the peers see when the drain
 * is over. */
#include "proxy/pair.h"

#include "strike.h"
#include "vtime.h"

START_TEST(a_drain_may_be_shortened)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	rig_drain(&rig, clock_ns() + ms(3000));
	rig_drain(&rig, clock_ns() + ms(2000));
	rig_assert_strikes_in(&rig, ms(2000), DEADLINE_DRAIN);
	rig_close(&rig);
}
END_TEST

START_TEST(a_drain_that_is_over_ends_at_once)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	vtime_pass(ms(10));
	rig_drain(&rig, clock_ns() - 7000);
	loop_settle();
	rig_assert_ended(&rig, END_BY_WEIR, END_DRAIN);
	ck_assert_uint_eq(rig.end.late_ns, 7000);
	rig_close(&rig);
}
END_TEST

/* ---- idle pairs first ---- */

static void drain_idle_first(uint64_t idle_first_ns, uint64_t start_ns)
{
	rig_drain_by(&rig, &(struct deadline_drain){
				   .start_ns = start_ns,
				   .idle_first_ns = idle_first_ns,
				   .end_ns = start_ns + ms(8000),
				   .spread_ns = ms(1000),
			   });
}

START_TEST(a_drain_ends_what_is_idle_when_it_begins)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	vtime_pass(ms(5000));
	drain_idle_first(ms(1000), clock_ns() + ms(10));
	rig_assert_strikes_in(&rig, ms(10), DEADLINE_DRAIN);
	rig_assert_ended(&rig, END_BY_WEIR, END_DRAIN);
	rig_assert_told(&rig);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(a_drain_ends_what_falls_idle)
{
	strike_open(_i, RIG_WIDE);
	side_receive(to);
	drain_idle_first(ms(1000), clock_ns());
	for (size_t i = 1; i <= 5; i++) {
		vtime_pass(ms(1000) - 1);
		side_send(from, 1);
		loop_until(to->in.n_received == i);
		ck_assert_uint_eq(rig.n_ended, 0);
	}
	rig_assert_strikes_in(&rig, ms(1000), DEADLINE_DRAIN);
	rig_assert_both_saw_fin(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(a_drain_takes_no_bytes_that_wait_for_idle)
{
	uint64_t until_ns;

	rig_open_relaying(&rig, _i, RIG_TINY);
	rig_stall(&rig, &rig.client);
	drain_idle_first(ms(1000), clock_ns());
	until_ns = deadline_drain_ns(&rig.drain, rig.clock.accepted_ns) - clock_ns();
	rig_assert_strikes_in(&rig, until_ns, DEADLINE_DRAIN);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(bytes_in_the_kernel_are_not_idle_for_a_drain)
{
	rig_open_relaying(&rig, _i, RIG_WIDE);
	side_receive(&rig.upstream);
	drain_idle_first(ms(1000), clock_ns());
	vtime_advance(ms(5000)); /* weir is late: the byte comes before weir looks */
	side_send(&rig.client, 1);
	loop_settle();
	ck_assert_uint_eq(rig.n_ended, 0);
	loop_until(rig.upstream.in.n_received == 1);
	rig_assert_strikes_in(&rig, ms(1000), DEADLINE_DRAIN);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_drain");
	TCase *tc = strike_case();

	tcase_add_loop_test(tc, a_drain_may_be_shortened, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_drain_that_is_over_ends_at_once, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_drain_ends_what_is_idle_when_it_begins, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_drain_ends_what_falls_idle, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_drain_takes_no_bytes_that_wait_for_idle, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, bytes_in_the_kernel_are_not_idle_for_a_drain, 0, RIG_VARIANTS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
