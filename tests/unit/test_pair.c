/* SPDX-License-Identifier: ISC */
/* Tests of pairs in which nothing fails. Every scenario runs with TCP and UNIX on either side. */
#include "proxy/pair.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "segments.h"
#include "suite.h"

static struct rig rig;

static struct side *first_of(int i)
{
	return rig_side(&rig, i % 2);
}

static void open_relaying(int variant, enum rig_size size)
{
	rig_open(&rig, variant, size);
	rig_join(&rig);
}

START_TEST(relays_both_ways_at_once)
{
	size_t up = 300 * 1000;
	size_t down = 500 * 1000;

	open_relaying(_i, RIG_WIDE);
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	side_send(&rig.client, up);
	side_send(&rig.upstream, down);
	loop_until(rig.upstream.in.n_received == up && rig.client.in.n_received == down);
	ck_assert_uint_eq(pump_bytes(&rig.pair.sides[SIDE_CLIENT].pump), up);
	ck_assert_uint_eq(pump_bytes(&rig.pair.sides[SIDE_UPSTREAM].pump), down);
	ck_assert_int_eq(rig.pair.state, PAIR_RELAYING);
	rig_close(&rig);
}
END_TEST

START_TEST(relays_to_peers_that_take_one_byte_at_a_time)
{
	size_t total = 20 * 1000;

	open_relaying(_i, RIG_TINY);
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	rig.client.in.max = 1;
	rig.upstream.in.max = 1;
	side_send(&rig.client, total);
	side_send(&rig.upstream, total);
	loop_until(rig.upstream.in.n_received == total && rig.client.in.n_received == total);
	rig_close(&rig);
}
END_TEST

/* ---- before the upstream is connected ---- */

START_TEST(early_bytes_stay_in_the_kernel_until_the_upstream_is_there)
{
	rig_open(&rig, _i, RIG_WIDE);
	side_send(&rig.client, 5000);
	loop_settle();
	ck_assert_uint_eq(stream_bytes_read(rig_stream(&rig, &rig.client)), 0);
	ck_assert_uint_eq(stream_unread(rig_stream(&rig, &rig.client)), 5000);
	side_receive(&rig.upstream);
	rig_join(&rig);
	loop_until(rig.upstream.in.n_received == 5000);
	rig_close(&rig);
}
END_TEST

START_TEST(an_early_fin_is_a_half_close_after_the_bytes_before_it)
{
	rig_open(&rig, _i, RIG_WIDE);
	side_send(&rig.client, 5000);
	side_finish(&rig.client);
	loop_settle();
	side_receive(&rig.upstream);
	side_receive(&rig.client);
	rig_join(&rig);
	loop_until(side_saw_fin(&rig.upstream));
	ck_assert_uint_eq(rig.upstream.in.n_received, 5000);
	side_send(&rig.upstream, 700);
	side_finish(&rig.upstream);
	rig_until_ended(&rig, END_BY_CLIENT, END_EOF);
	loop_until(side_saw_fin(&rig.client));
	ck_assert_uint_eq(rig.client.in.n_received, 700);
	rig_close(&rig);
}
END_TEST

/* ---- half-close ---- */

START_TEST(a_fin_is_passed_on_and_the_answer_still_comes)
{
	struct side *first;
	struct side *second;

	open_relaying(_i / 2, RIG_WIDE);
	first = first_of(_i);
	second = rig_other(&rig, first);
	side_receive(first);
	side_receive(second);
	side_send(first, 200 * 1000);
	loop_until(sender_is_done(&first->out));
	side_finish(first);
	loop_until(side_saw_fin(second));
	ck_assert_uint_eq(second->in.n_received, 200 * 1000);
	ck_assert(!side_is_hung_up(first));
	ck_assert_uint_eq(rig.n_ended, 0);
	side_send(second, 900 * 1000);
	loop_until(first->in.n_received == 900 * 1000);
	ck_assert_uint_eq(rig.n_ended, 0);
	side_finish(second);
	rig_until_ended(&rig, rig_by(&rig, first), END_EOF);
	loop_until(side_saw_fin(first));
	ck_assert_str_eq(rig.client.heard.events, "CLOSE");
	ck_assert_str_eq(rig.upstream.heard.events, "CLOSE");
	rig_close(&rig);
}
END_TEST

START_TEST(a_fin_waits_for_the_bytes_before_it)
{
	struct side *first;
	struct side *second;
	size_t total;

	open_relaying(_i / 2, RIG_TINY);
	first = first_of(_i);
	second = rig_other(&rig, first);
	rig_stall(&rig, first);
	total = first->out.n_sent;
	side_finish(first);
	loop_settle();
	ck_assert_uint_eq(rig.pair.fin_ns, NS_NEVER); /* weir has not passed the FIN on */
	side_receive(second);
	loop_until(side_saw_fin(second));
	ck_assert_uint_eq(second->in.n_received, total);
	rig_close(&rig);
}
END_TEST

START_TEST(a_fin_that_is_there_goes_out_in_the_segment_of_the_bytes_before_it)
{
	struct side *first = first_of(_i);
	struct side *other = rig_other(&rig, first);
	uint32_t n_before;
	char buffer[16];

	open_relaying(RIG_TCP, RIG_WIDE);
	loop_settle();
	n_before = segments_of_all_kinds(other->fd);
	peer_send(first->fd, "bye");
	side_finish(first);
	loop_until(rig.n_half_closed == 1);
	ck_assert_int_eq(peer_recv(other->fd, buffer, sizeof(buffer)), 3);
	ck_assert_int_eq(peer_recv(other->fd, buffer, sizeof(buffer)), 0);
	/* Spliced bytes go out before the FIN, in a segment of their own. */
	ck_assert_uint_eq(segments_of_all_kinds(other->fd) - n_before, rig.splices ? 2 : 1);
	rig_close(&rig);
}
END_TEST

START_TEST(the_second_fin_waits_for_the_bytes_before_it)
{
	struct side *first;
	struct side *second;
	size_t total;

	open_relaying(_i / 2, RIG_TINY);
	first = first_of(_i);
	second = rig_other(&rig, first);
	side_receive(second);
	side_finish(first);
	loop_until(side_saw_fin(second));
	rig_stall(&rig, second);
	total = second->out.n_sent;
	side_finish(second);
	loop_settle();
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(first);
	rig_until_ended(&rig, rig_by(&rig, first), END_EOF);
	loop_until(side_saw_fin(first));
	ck_assert_uint_eq(first->in.n_received, total);
	rig_close(&rig);
}
END_TEST

START_TEST(of_two_fins_in_one_turn_the_first_gives_the_name)
{
	struct side *first;

	open_relaying(_i / 2, RIG_WIDE);
	loop_settle();
	first = first_of(_i);
	side_finish(first);
	side_finish(rig_other(&rig, first));
	rig_until_ended(&rig, rig_by(&rig, first), END_EOF);
	rig_close(&rig);
}
END_TEST

START_TEST(the_first_fin_gives_the_name_although_its_bytes_are_out_last)
{
	struct side *first;
	struct side *second;

	open_relaying(_i / 2, RIG_TINY);
	first = first_of(_i);
	second = rig_other(&rig, first);
	/* Fewer bytes than the mark wait, so weir goes on reading and sees the FIN behind them. */
	while (stream_bytes_waiting(rig_stream(&rig, second)) < rig.mark / 2) {
		side_send(first, 1000);
		loop_until(sender_is_done(&first->out));
		loop_settle();
	}
	side_finish(first);
	loop_settle();
	side_receive(first);
	side_finish(second);
	loop_until(side_saw_fin(first)); /* the second FIN arrives before the first */
	ck_assert_uint_eq(rig.n_ended, 0);
	side_receive(second);
	rig_until_ended(&rig, rig_by(&rig, first), END_EOF);
	loop_until(side_saw_fin(second));
	ck_assert_uint_eq(second->in.n_received, first->out.n_sent);
	rig_close(&rig);
}
END_TEST

/* ---- memory ---- */

START_TEST(what_waits_is_bounded_by_the_mark_each_way)
{
	open_relaying(_i, RIG_TINY);
	rig_stall(&rig, &rig.client);
	rig_stall(&rig, &rig.upstream);
	/* Both directions were at the mark; the kernel may have taken a few bytes more since. */
	ck_assert_uint_gt(stream_bytes_waiting(rig_stream(&rig, &rig.upstream)), 0);
	ck_assert_uint_gt(stream_bytes_waiting(rig_stream(&rig, &rig.client)), 0);
	ck_assert_uint_le(loop_queued_bytes(test_loop), 2 * rig.mark);
	ck_assert_uint_eq(rig.n_ended, 0);
	/* Then all bytes arrive, and none wait any more. */
	side_receive(&rig.client);
	side_receive(&rig.upstream);
	loop_until(rig.upstream.in.n_received == rig.client.out.n_sent &&
		   rig.client.in.n_received == rig.upstream.out.n_sent);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	rig_close(&rig);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
}
END_TEST

START_TEST(one_way_flows_while_the_other_is_stalled)
{
	struct side *first;
	struct side *second;

	open_relaying(_i / 2, RIG_TINY);
	first = first_of(_i);
	second = rig_other(&rig, first);
	rig_stall(&rig, first);
	side_receive(first);
	side_send(second, 100 * 1000);
	loop_until(first->in.n_received == 100 * 1000);
	ck_assert_uint_gt(stream_bytes_waiting(rig_stream(&rig, second)), 0);
	ck_assert(!sender_is_done(&first->out));
	rig_close(&rig);
}
END_TEST

START_TEST(an_idle_pair_costs_no_turns)
{
	uint64_t turns;

	open_relaying(_i, RIG_WIDE);
	rig.rules.timeouts.idle_ns = (uint64_t)3600 * NS_PER_S;
	side_receive(&rig.upstream);
	side_send(&rig.client, 1000);
	loop_until(rig.upstream.in.n_received == 1000);
	loop_settle();
	turns = loop_turns(test_loop);
	loop_for_ms(50);
	/* One turn begins the 50 ms and one ends them; two more are allowed. */
	ck_assert_uint_le(loop_turns(test_loop) - turns, 4);
	rig_close(&rig);
}
END_TEST

/* ---- closing ---- */

enum stage {
	STAGE_OPENED,
	STAGE_EARLY_BYTES,
	STAGE_JOINED,
	STAGE_RELAYING,
	STAGE_STALLED,
	STAGE_HALF_CLOSED,
	STAGE_RESETTING,
	STAGE_ENDED,
	STAGES,
};

static void live_until(enum stage stage)
{
	if (stage >= STAGE_EARLY_BYTES) {
		side_send(&rig.client, 100);
		loop_settle();
	}
	if (stage >= STAGE_JOINED) {
		rig_join(&rig);
	}
	if (stage >= STAGE_RELAYING) {
		loop_settle();
	}
	if (stage == STAGE_STALLED || stage == STAGE_RESETTING) {
		rig_stall(&rig, &rig.client);
	}
	if (stage == STAGE_RESETTING) {
		side_reset(&rig.client);
		loop_settle();
	}
	if (stage == STAGE_HALF_CLOSED || stage == STAGE_ENDED) {
		side_finish(&rig.client);
		loop_settle();
	}
	if (stage == STAGE_ENDED) {
		side_finish(&rig.upstream);
		loop_settle();
	}
}

START_TEST(may_be_closed_at_every_stage)
{
	for (enum stage stage = 0; stage < STAGES; stage++) {
		rig_open(&rig, _i, RIG_TINY);
		live_until(stage);
		ck_assert_uint_eq(rig.n_ended, stage == STAGE_ENDED);
		pair_close(&rig.pair);
		pair_close(&rig.pair); /* idempotent */
		loop_settle();
		ck_assert_uint_eq(rig.n_ended, stage == STAGE_ENDED);
		rig_close(&rig);
	}
}
END_TEST

START_TEST(may_be_closed_in_ended)
{
	for (enum stage stage = STAGE_JOINED; stage < STAGE_ENDED; stage++) {
		rig_open(&rig, _i, RIG_TINY);
		rig.close_in_ended = true;
		live_until(stage);
		rig_drain(&rig, 0);
		loop_until(rig.n_ended == 1);
		loop_settle();
		rig_close(&rig);
	}
}
END_TEST

/* ---- an fd that cannot be watched ---- */

/** An fd that epoll refuses (EPERM). */
static int unpollable_fd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(an_upstream_that_cannot_be_watched_stays_the_callers)
{
	struct stream *stream = stream_open(test_loop, unpollable_fd(), STREAM_HALF_OPEN);
	struct pair_opts opts = {.upstream = stream};

	rig_open(&rig, RIG_TCP, RIG_WIDE);
	opts.client = rig.early;
	opts.clock = &rig.clock;
	ck_assert_int_eq(pair_start(&rig.pair, &opts), -EPERM);
	ck_assert(!pair_is_joined(&rig.pair));
	ck_assert_int_ge(stream_fd(stream), 0);
	stream_free(stream);
	/* Afterwards another server may be tried. */
	rig_join(&rig);
	side_receive(&rig.upstream);
	side_send(&rig.client, 10);
	loop_until(rig.upstream.in.n_received == 10);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair");
	TCase *tc = tcase_create("pair");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, relays_both_ways_at_once, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, relays_to_peers_that_take_one_byte_at_a_time, 0, RIG_VARIANTS);
	tcase_add_loop_test(
		tc, early_bytes_stay_in_the_kernel_until_the_upstream_is_there, 0, RIG_VARIANTS);
	tcase_add_loop_test(
		tc, an_early_fin_is_a_half_close_after_the_bytes_before_it, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, a_fin_is_passed_on_and_the_answer_still_comes, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, a_fin_waits_for_the_bytes_before_it, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, a_fin_that_is_there_goes_out_in_the_segment_of_the_bytes_before_it, 0, 2);
	tcase_add_loop_test(tc, the_second_fin_waits_for_the_bytes_before_it, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, of_two_fins_in_one_turn_the_first_gives_the_name, 0, RIG_MIRRORED);
	tcase_add_loop_test(
		tc, the_first_fin_gives_the_name_although_its_bytes_are_out_last, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, what_waits_is_bounded_by_the_mark_each_way, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, one_way_flows_while_the_other_is_stalled, 0, RIG_MIRRORED);
	tcase_add_loop_test(tc, an_idle_pair_costs_no_turns, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, may_be_closed_at_every_stage, 0, RIG_VARIANTS);
	tcase_add_loop_test(tc, may_be_closed_in_ended, 0, RIG_VARIANTS);
	tcase_add_test(tc, an_upstream_that_cannot_be_watched_stays_the_callers);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
