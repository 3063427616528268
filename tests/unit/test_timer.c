/* SPDX-License-Identifier: ISC */
/*
 * Tests of timers on the real clock: they are never early, and strike in order, in slices. Random
 * operations must keep the heap in order.
 */
#include "stream/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "stream/loop_private.h"
#include "stream/timer_private.h"
#include "suite.h"

/** A timer that notes when it struck. */
struct alarm {
	struct timer timer;
	uint64_t due_ns; /**< what it was armed for last */
	uint64_t turn;
	unsigned strikes;
	unsigned order; /**< how many struck before it */
	void (*act)(struct alarm *alarm);
	struct alarm *other;
};

static unsigned n_struck;

static void on_alarm(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	ck_assert_uint_ge(clock_ns(), alarm->due_ns); /* it is not a nanosecond early */
	ck_assert_uint_eq(timer->deadline_ns, NS_NEVER);
	alarm->strikes++;
	alarm->turn = loop_turns(test_loop);
	alarm->order = n_struck++;
	if (alarm->act != NULL) {
		alarm->act(alarm);
	}
}

static void alarm_open(struct alarm *alarm)
{
	*alarm = (struct alarm){.due_ns = NS_NEVER};
	ck_assert_int_eq(timer_open(&alarm->timer, test_loop, on_alarm), 0);
}

static void alarm_arm(struct alarm *alarm, uint64_t deadline_ns)
{
	alarm->due_ns = deadline_ns;
	timer_arm(&alarm->timer, deadline_ns);
}

static uint64_t in_us(uint64_t us)
{
	return clock_ns() + us * NS_PER_US;
}

static void setup(void)
{
	fixture_setup();
	n_struck = 0;
}

START_TEST(strikes_once_and_never_early)
{
	struct alarm alarm;

	alarm_open(&alarm);
	for (unsigned i = 1; i <= 200; i++) {
		alarm_arm(&alarm, in_us(i * 7) + i); /* this is no round number */
		loop_until(alarm.strikes == i);
	}
	loop_for_ms(5);
	ck_assert_uint_eq(alarm.strikes, 200);
	timer_close(&alarm.timer);
}
END_TEST

START_TEST(the_past_strikes_at_once_but_not_from_inside)
{
	struct alarm alarm;

	alarm_open(&alarm);
	alarm_arm(&alarm, 0);
	ck_assert_uint_eq(alarm.strikes, 0);
	loop_until(alarm.strikes == 1);
	alarm_arm(&alarm, clock_ns());
	ck_assert_uint_eq(alarm.strikes, 1);
	loop_until(alarm.strikes == 2);
	timer_close(&alarm.timer);
}
END_TEST

START_TEST(equal_deadlines_strike_in_one_turn)
{
	struct alarm alarms[10];
	uint64_t due = in_us(3000);

	for (int i = 0; i < 10; i++) {
		alarm_open(&alarms[i]);
		alarm_arm(&alarms[i], due);
	}
	loop_until(n_struck == 10);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(alarms[i].strikes, 1);
		ck_assert_uint_eq(alarms[i].turn, alarms[0].turn);
		timer_close(&alarms[i].timer);
	}
}
END_TEST

START_TEST(the_earliest_strikes_first)
{
	enum { N = 40 };
	struct alarm alarms[N];
	uint64_t now = clock_ns();

	for (unsigned i = 0; i < N; i++) {
		alarm_open(&alarms[i]);
		/* 7 and 40 have no common factor, so all deadlines differ, and are not in order. */
		alarm_arm(&alarms[i], now + (i * 7 % N + 1) * 100 * NS_PER_US);
	}
	loop_until(n_struck == N);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_uint_eq(alarms[i].order, i * 7 % N);
		timer_close(&alarms[i].timer);
	}
}
END_TEST

START_TEST(a_far_deadline_never_strikes)
{
	struct alarm alarm;

	alarm_open(&alarm);
	alarm_arm(&alarm, NS_NEVER - 1);
	loop_for_ms(2);
	alarm_arm(&alarm, NS_NEVER);
	loop_for_ms(2);
	ck_assert_uint_eq(alarm.strikes, 0);
	timer_close(&alarm.timer);
}
END_TEST

START_TEST(rearming_moves_the_deadline_both_ways)
{
	struct alarm later;
	struct alarm sooner;
	struct alarm between;
	uint64_t due = in_us(4000);

	alarm_open(&later);
	alarm_open(&sooner);
	alarm_open(&between);
	alarm_arm(&later, due - NS_PER_MS);
	alarm_arm(&sooner, due + NS_PER_S);
	alarm_arm(&between, due);
	alarm_arm(&later, due + NS_PER_MS);
	alarm_arm(&sooner, due - NS_PER_MS);
	loop_until(n_struck == 3);
	ck_assert_uint_eq(sooner.order, 0);
	ck_assert_uint_eq(between.order, 1);
	ck_assert_uint_eq(later.order, 2);
	timer_close(&later.timer);
	timer_close(&sooner.timer);
	timer_close(&between.timer);
}
END_TEST

START_TEST(a_disarmed_timer_does_not_strike)
{
	struct alarm off;
	struct alarm closed;

	alarm_open(&off);
	alarm_open(&closed);
	alarm_arm(&off, in_us(500));
	alarm_arm(&closed, in_us(500));
	timer_arm(&off.timer, NS_NEVER);
	timer_close(&closed.timer);
	timer_close(&closed.timer);
	loop_for_ms(3);
	ck_assert_uint_eq(n_struck, 0);
	timer_close(&off.timer);
}
END_TEST

START_TEST(a_zeroed_timer_may_be_closed)
{
	struct timer timer = {0};

	timer_close(&timer);
}
END_TEST

/* ---- calls from inside a strike ---- */

static void disarm_other(struct alarm *alarm)
{
	timer_arm(&alarm->other->timer, NS_NEVER);
}

static void close_other(struct alarm *alarm)
{
	timer_close(&alarm->other->timer);
}

static void put_other_off(struct alarm *alarm)
{
	alarm_arm(alarm->other, in_us(2000));
}

START_TEST(a_strike_may_disarm_close_or_put_off_one_that_is_due)
{
	static void (*const acts[])(struct alarm *) = {disarm_other, close_other, put_other_off};
	struct alarm first;
	struct alarm second;
	struct alarm third;
	uint64_t due = in_us(1000);

	alarm_open(&first);
	alarm_open(&second);
	alarm_open(&third);
	first.act = acts[_i];
	first.other = &second;
	alarm_arm(&first, due - 1);
	alarm_arm(&second, due);
	alarm_arm(&third, due + 1);
	loop_until(third.strikes == 1);
	ck_assert_uint_eq(first.strikes, 1);
	ck_assert_uint_eq(third.order, 1);
	if (acts[_i] == put_other_off) {
		loop_until(second.strikes == 1);
		ck_assert_uint_eq(second.order, 2);
	}
	ck_assert_uint_eq(second.strikes, acts[_i] == put_other_off ? 1 : 0);
	timer_close(&first.timer);
	timer_close(&second.timer);
	timer_close(&third.timer);
}
END_TEST

static void close_self(struct alarm *alarm)
{
	timer_close(&alarm->timer);
	memset(&alarm->timer, 0xff, sizeof(alarm->timer));
}

START_TEST(a_strike_may_close_its_own_timer)
{
	struct alarm alarm;
	struct alarm other;

	alarm_open(&alarm);
	alarm_open(&other);
	alarm.act = close_self;
	alarm_arm(&alarm, in_us(100));
	alarm_arm(&other, in_us(200));
	loop_until(n_struck == 2);
	timer_close(&other.timer);
}
END_TEST

static void arm_again(struct alarm *alarm)
{
	if (alarm->strikes < 1000) {
		alarm_arm(alarm, clock_ns());
	}
}

START_TEST(a_timer_that_is_always_due_does_not_hold_up_the_loop)
{
	struct alarm alarm;
	uint64_t began = loop_turns(test_loop);

	alarm_open(&alarm);
	alarm.act = arm_again;
	alarm_arm(&alarm, clock_ns());
	loop_until(alarm.strikes == 1000);
	ck_assert_uint_ge(loop_turns(test_loop) - began, 1000 / TIMERS_A_TURN);
	timer_close(&alarm.timer);
}
END_TEST

/* ---- many ---- */

/** An eventfd that is ready in each turn, and the number of strikes between its calls. */
struct traffic {
	struct watcher watcher;
	int fd;
	unsigned calls;
	unsigned struck_at; /**< n_struck at the last call */
	unsigned longest;   /**< the most strikes between two calls */
};

static void on_traffic(struct watcher *watcher, uint32_t events)
{
	struct traffic *traffic = container_of(watcher, struct traffic, watcher);
	unsigned between = n_struck - traffic->struck_at;

	(void)events;
	traffic->calls++;
	traffic->struck_at = n_struck;
	traffic->longest = between > traffic->longest ? between : traffic->longest;
	ck_assert_int_eq(eventfd_write(traffic->fd, 1), 0); /* a new edge for the next turn */
}

START_TEST(thousands_at_once_strike_in_slices_with_io_between)
{
	enum { N = 5000 };
	struct alarm *alarms = calloc(N, sizeof(*alarms));
	struct traffic traffic = {.watcher.ready = on_traffic};
	uint64_t due = in_us(20 * 1000);

	for (int i = 0; i < N; i++) {
		alarm_open(&alarms[i]);
		alarm_arm(&alarms[i], due);
	}
	traffic.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(loop_watch(test_loop, traffic.fd, &traffic.watcher), 0);
	loop_until(n_struck == N);
	ck_assert_uint_le(traffic.longest, TIMERS_A_TURN);
	ck_assert_uint_ge(traffic.calls, N / TIMERS_A_TURN);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(alarms[i].strikes, 1);
		timer_close(&alarms[i].timer);
	}
	close(traffic.fd);
	loop_forget(test_loop, &traffic.watcher);
	free(alarms);
}
END_TEST

START_TEST(slices_go_on_without_io)
{
	enum { N = 1000 };
	struct alarm *alarms = calloc(N, sizeof(*alarms));

	for (int i = 0; i < N; i++) {
		alarm_open(&alarms[i]);
		alarm_arm(&alarms[i], 1 + (uint64_t)i);
	}
	loop_until(n_struck == N);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_uint_eq(alarms[i].order, i);
		timer_close(&alarms[i].timer);
	}
	free(alarms);
}
END_TEST

START_TEST(memory_is_given_back_after_a_burst)
{
	enum { N = 4096 };
	struct timers *timers = loop_timers(test_loop);
	struct timer *many = calloc(N, sizeof(*many));

	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(timer_open(&many[i], test_loop, on_alarm), 0);
		timer_arm(&many[i], NS_NEVER - 1 - (uint64_t)i);
	}
	ck_assert_uint_ge(timers->capacity, N);
	for (int i = 0; i < N; i++) {
		timer_close(&many[i]);
		ck_assert_uint_le(timers->n_open, timers->capacity);
	}
	ck_assert_uint_le(timers->capacity, 64);
	free(many);
}
END_TEST

START_TEST(open_without_memory_fails_and_arming_never_does)
{
	enum { N = 100 };
	struct timer many[N] = {0};
	int n_refused = 0;

	for (int i = 0; i < N; i++) {
		fault_arm(1);
		if (timer_open(&many[i], test_loop, on_alarm) == -ENOMEM) {
			ck_assert_str_eq(fault_met(), "realloc");
			n_refused++;
			ck_assert_int_eq(timer_open(&many[i], test_loop, on_alarm), 0);
		}
		(void)fault_disarm();
	}
	ck_assert_int_gt(n_refused, 0);
	fault_arm(1);
	for (int i = 0; i < N; i++) {
		timer_arm(&many[i], NS_NEVER - 1 - (uint64_t)i);
	}
	ck_assert(!fault_disarm());
	/* A heap that cannot be made smaller stays as it is. */
	for (int i = 0; i < N; i++) {
		fault_arm(1);
		timer_close(&many[i]);
		(void)fault_disarm();
	}
}
END_TEST

/* ---- the heap, against a model ---- */

enum { CROWD = 300, OPERATIONS = 30000 };

static bool heap_is_right(const struct timers *timers, const struct alarm *crowd)
{
	uint64_t earliest = NS_NEVER;
	size_t n_armed = 0;
	bool right = true;

	for (size_t i = 1; i <= timers->n_armed; i++) {
		right &= timers->heap[i]->slot == i;
		right &= i == 1 || timers->heap[i / 2]->deadline_ns <= timers->heap[i]->deadline_ns;
	}
	for (int i = 0; i < CROWD; i++) {
		if (crowd[i].timer.loop != NULL && crowd[i].due_ns != NS_NEVER) {
			right &= crowd[i].timer.deadline_ns == crowd[i].due_ns;
			n_armed++;
			earliest = crowd[i].due_ns < earliest ? crowd[i].due_ns : earliest;
		} else {
			right &= crowd[i].timer.slot == 0;
		}
	}
	/* The fixture's guard is one more timer. It is due within the hour, the crowd is due
	 * tomorrow. */
	right &= timers->n_armed == n_armed + 1;
	return right && (n_armed == 0 || timers->heap[1]->deadline_ns < earliest);
}

START_TEST(any_sequence_of_operations_keeps_the_heap)
{
	const uint64_t tomorrow = clock_ns() + 24 * 3600 * (uint64_t)NS_PER_S;
	struct timers *timers = loop_timers(test_loop);
	struct alarm *crowd = calloc(CROWD, sizeof(*crowd));

	srandom(1);
	loop_settle(); /* this arms the fixture's guard */
	for (int i = 0; i < OPERATIONS; i++) {
		struct alarm *alarm = &crowd[random() % CROWD];

		if (alarm->timer.loop == NULL) {
			alarm_open(alarm);
		}
		switch (random() % 8) {
		case 0:
			timer_close(&alarm->timer);
			alarm->due_ns = NS_NEVER;
			break;
		case 1:
			alarm_arm(alarm, NS_NEVER);
			break;
		default: /* there are few deadlines, so that many are equal */
			alarm_arm(alarm, tomorrow + (uint64_t)(random() % 1000));
			break;
		}
		if (i % 16 == 0) {
			ck_assert(heap_is_right(timers, crowd));
		}
	}
	ck_assert(heap_is_right(timers, crowd));
	for (int i = 0; i < CROWD; i++) {
		timer_close(&crowd[i].timer);
	}
	free(crowd);
}
END_TEST

START_TEST(random_deadlines_strike_in_sorted_order)
{
	enum { N = 2000 };
	struct alarm *alarms = calloc(N, sizeof(*alarms));
	struct alarm **sorted = calloc(N, sizeof(struct alarm *));
	uint64_t now = clock_ns();

	srandom(2);
	for (int i = 0; i < N; i++) {
		alarm_open(&alarms[i]);
		alarm_arm(&alarms[i], now + (uint64_t)(random() % (20 * NS_PER_MS)));
	}
	loop_until(n_struck == N);
	for (int i = 0; i < N; i++) {
		ck_assert_ptr_null(sorted[alarms[i].order]);
		sorted[alarms[i].order] = &alarms[i];
	}
	for (int i = 1; i < N; i++) {
		ck_assert_uint_le(sorted[i - 1]->due_ns, sorted[i]->due_ns);
	}
	for (int i = 0; i < N; i++) {
		timer_close(&alarms[i].timer);
	}
	free(sorted);
	free(alarms);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timer");
	TCase *tc = invariant_case("no timer strikes early", "docs/TIMEOUTS.md", "The timers");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	tcase_add_test(tc, strikes_once_and_never_early);
	tcase_add_test(tc, the_past_strikes_at_once_but_not_from_inside);
	tcase_add_test(tc, equal_deadlines_strike_in_one_turn);
	tcase_add_test(tc, the_earliest_strikes_first);
	tcase_add_test(tc, a_far_deadline_never_strikes);
	tcase_add_test(tc, rearming_moves_the_deadline_both_ways);
	tcase_add_test(tc, a_disarmed_timer_does_not_strike);
	tcase_add_test(tc, a_zeroed_timer_may_be_closed);
	tcase_add_loop_test(tc, a_strike_may_disarm_close_or_put_off_one_that_is_due, 0, 3);
	tcase_add_test(tc, a_strike_may_close_its_own_timer);
	tcase_add_test(tc, a_timer_that_is_always_due_does_not_hold_up_the_loop);
	tcase_add_test(tc, thousands_at_once_strike_in_slices_with_io_between);
	tcase_add_test(tc, slices_go_on_without_io);
	tcase_add_test(tc, memory_is_given_back_after_a_burst);
	tcase_add_test(tc, open_without_memory_fails_and_arming_never_does);
	tcase_add_test(tc, any_sequence_of_operations_keeps_the_heap);
	tcase_add_test(tc, random_deadlines_strike_in_sorted_order);
	return suite_run(suite);
}
