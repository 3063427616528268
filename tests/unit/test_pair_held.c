/* SPDX-License-Identifier: ISC */
/*
 * Tests of bytes that weir has written and the kernel still holds for the peer, in virtual time. As
 * long as the peer takes some of them, no timer of silence strikes. A peer that takes none is cut
 * off with a reset, as if weir still held the bytes.
 */
#include "proxy/pair.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <unistd.h>

#include "strike.h"
#include "vtime.h"

enum { TIMER_MS = 800 };

static struct stream *receiver; /* weir's stream to the peer that receives */

/**
 * Returns whether the held bytes stay where they are until the peer reads. With TCP they do in two
 * cases: the peer's kernel has closed its window, or it has dropped bytes for which it had no room,
 * and our kernel has retransmitted them. Before that, bytes may be on their way.
 */
static bool is_stuck(void)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (!stream_is_tcp(receiver)) {
		return true;
	}
	ck_assert_int_eq(getsockopt(stream_fd(receiver), IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_unacked == 0 ? info.tcpi_snd_wnd == 0 : info.tcpi_total_retrans > 0;
}

/**
 * Sends more than the kernel of `to` has room for. Our kernel holds the rest, and nothing waits in
 * weir.
 */
static void hold(void)
{
	while (stream_unsent(receiver) == 0) {
		side_send(from, 1000);
		loop_settle();
		ck_assert(sender_is_done(&from->out));
		while (stream_unsent(receiver) > 0 && !is_stuck()) {
			(void)usleep(1000); /* the kernel's clock is not virtual */
		}
	}
	ck_assert_uint_eq(stream_bytes_waiting(receiver), 0);
}

/**
 * The variants: the receiver is the client over TCP, or the upstream over UNIX. The kernels are
 * slow here, so there are no more.
 */
enum { WAYS = 2 };

static void open_held(int way)
{
	rig_open_relaying(&rig, way == 0 ? RIG_TCP : RIG_UNIX, RIG_TINY);
	from = rig_side(&rig, 1 - way);
	to = rig_other(&rig, from);
	receiver = rig_stream(&rig, to);
	hold();
}

/** `to` takes some bytes. Returns whether our kernel knows of it. The kernel of the peer does not
 * report each byte. */
static bool take_some(void)
{
	size_t held = stream_unsent(receiver);
	size_t n_received = to->in.n_received;

	side_receive(to);
	to->in.max = 500;
	loop_until(to->in.n_received > n_received);
	side_pause(to);
	return stream_unsent(receiver) < held;
}

static void take_all(void)
{
	side_receive(to);
	to->in.max = 65536;
	loop_until(to->in.n_received == from->out.n_sent);
	while (stream_unsent(receiver) > 0) {
		(void)usleep(1000);
	}
}

/** Arms one of three timers from now on: idle, half_close, or the silence of a drain. */
static void set_timer(int kind)
{
	static const enum deadline_kind kinds[] = {
		DEADLINE_IDLE, DEADLINE_HALF_CLOSE, DEADLINE_DRAIN};

	rig.rules.timeouts.idle_ns = kinds[kind] == DEADLINE_IDLE ? ms(TIMER_MS) : NS_NEVER;
	rig.rules.timeouts.half_close_ns = ms(TIMER_MS);
	if (kinds[kind] == DEADLINE_DRAIN) {
		rig_drain_by(&rig, &(struct deadline_drain){.start_ns = clock_ns(),
					   .idle_first_ns = ms(TIMER_MS),
					   .end_ns = NS_NEVER});
	}
	if (kinds[kind] == DEADLINE_HALF_CLOSE) {
		side_finish(from);
		loop_until(rig.pair.fin_ns != NS_NEVER);
	}
	rig_wind(&rig);
}

enum { KINDS = 3, ALL = KINDS * WAYS };

START_TEST(who_takes_nothing_is_reset_when_the_timer_has_passed_since_the_first_look)
{
	open_held(_i / KINDS);
	set_timer(_i % KINDS);
	vtime_pass(ms(TIMER_MS)); /* this look finds the bytes */
	ck_assert_uint_eq(rig.n_ended, 0);
	vtime_pass(ms(TIMER_MS) - 1);
	ck_assert_uint_eq(rig.n_ended, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_ended, 1);
	ck_assert_uint_eq(rig.end.late_ns, 0);
	side_assert_saw_reset(from);
	side_assert_saw_reset(to);
	rig_close(&rig);
}
END_TEST

START_TEST(who_takes_some_is_left_alone_and_then_silent_like_anybody)
{
	uint64_t last_ns;

	open_held(_i / KINDS);
	set_timer(_i % KINDS);
	vtime_pass(ms(TIMER_MS));
	for (int i = 0; i < 2; i++) {
		if (stream_unsent(receiver) > 0 && !take_some()) {
			i--; /* more must be taken before our kernel knows */
			continue;
		}
		vtime_pass(ms(TIMER_MS) - 1);
		ck_assert_uint_eq(rig.n_ended, 0);
		if (stream_unsent(receiver) == 0) {
			break;
		}
	}
	take_all();
	last_ns = clock_ns();
	vtime_pass(ms(TIMER_MS) - 1);
	ck_assert_uint_eq(rig.n_ended, 0);
	while (rig.n_ended == 0) { /* looks are an eighth of the timer apart */
		vtime_pass(ms(1));
	}
	ck_assert_uint_le(clock_ns() - last_ns, ms(TIMER_MS + TIMER_MS / 8));
	ck_assert_uint_eq(rig.end.late_ns / NS_PER_MS, 0);
	/* half_close ends with resets, and so does a drain less than a second after bytes moved */
	if (_i % KINDS == 0) {
		rig_assert_both_saw_fin(&rig);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(the_end_of_a_pair_with_bytes_held_is_a_reset)
{
	open_held(_i);
	rig.rules.timeouts.lifetime_ns = ms(3000);
	rig_wind(&rig);
	vtime_pass(ms(3000));
	rig_assert_ended(&rig, END_BY_WEIR, END_LIFETIME);
	ck_assert_uint_eq(rig.end.late_ns, 0);
	rig_assert_both_saw_reset(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(bytes_that_move_the_other_way_put_the_timer_off)
{
	open_held(_i);
	set_timer(0);
	vtime_pass(ms(TIMER_MS)); /* this look finds the bytes */
	vtime_pass(ms(TIMER_MS) / 2);
	side_receive(from);
	side_send(to, 10);
	loop_until(from->in.n_received == 10);
	while (stream_unsent(rig_stream(&rig, from)) > 0) {
		(void)usleep(1000); /* else these bytes count as held */
	}
	vtime_pass(ms(TIMER_MS) - 1);
	ck_assert_uint_eq(rig.n_ended, 0);
	vtime_pass(1);
	ck_assert_uint_eq(rig.n_ended, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(a_survivor_of_a_reset_that_took_some_while_weir_was_stopped_is_left_alone)
{
	open_held(0);
	side_reset(from);
	loop_until(rig.pair.state == PAIR_RESETTING);
	rig.pair.held[SIDE_CLIENT]++; /* as if it had taken a byte since that look */
	vtime_pass(ms(PAIR_RESET_STALL_S * 1000));
	ck_assert_uint_eq(rig.n_ended, 0);
	vtime_pass(ms(PAIR_RESET_STALL_S * 1000) - 1);
	ck_assert_uint_eq(rig.n_ended, 0);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_held");
	TCase *tc = strike_case();

	tcase_add_loop_test(tc,
		who_takes_nothing_is_reset_when_the_timer_has_passed_since_the_first_look, 0, ALL);
	tcase_add_loop_test(tc, who_takes_some_is_left_alone_and_then_silent_like_anybody, 0, ALL);
	tcase_add_loop_test(tc, the_end_of_a_pair_with_bytes_held_is_a_reset, 0, WAYS);
	tcase_add_loop_test(tc, bytes_that_move_the_other_way_put_the_timer_off, 0, WAYS);
	tcase_add_test(
		tc, a_survivor_of_a_reset_that_took_some_while_weir_was_stopped_is_left_alone);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
