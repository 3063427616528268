/* SPDX-License-Identifier: ISC */
/* Tests of signals on the loop. */
#include <signal.h>

#include "fixture.h"
#include "service/signals.h"
#include "suite.h"

static struct signals signals;
static unsigned n_came;
static unsigned n_in_turn;
static uint64_t turn;

/** Sends the next signal as soon as one was read. */
static void on_came(struct signals *came, int number)
{
	(void)came;
	n_in_turn = loop_turns(test_loop) == turn ? n_in_turn + 1 : 1;
	turn = loop_turns(test_loop);
	ck_assert_msg(n_in_turn <= 16, "this turn does not end");
	n_came++;
	if (n_came < 100) {
		ck_assert_int_eq(raise(number), 0);
	}
}

START_TEST(a_flood_of_signals_leaves_others_their_turn)
{
	ck_assert_int_eq(signals_open(&signals, test_loop, on_came), 0);
	ck_assert_int_eq(raise(SIGHUP), 0);
	loop_until(n_came == 100); /* no signal is lost */
	signals_close(&signals);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals");
	TCase *tc = tcase_create("signals");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, a_flood_of_signals_leaves_others_their_turn);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
