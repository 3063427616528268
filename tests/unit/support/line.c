/* SPDX-License-Identifier: ISC */
#include "line.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream/pipe.h"

struct line line;

static void line_told(struct pump *pump, enum pump_outcome outcome)
{
	if (outcome == PUMP_GONE) {
		line.n_gone++;
		return;
	}
	ck_assert_uint_eq(line.n_done, 0); /* PUMP_DONE is the last outcome */
	if (outcome == PUMP_BEGAN) {
		/* BEGAN comes once. Only FLOWS may come before it. */
		ck_assert(line.n_told == 0 || line.outcome == PUMP_FLOWS);
		ck_assert(!line.began);
		line.began = true;
		return;
	}
	/* FLOWS comes before BEGAN when bytes are written that the pump has not read: pump.h. */
	ck_assert(line.began || outcome == PUMP_FLOWS);
	line.outcome = outcome;
	line.n_told++;
	line.n_done += outcome == PUMP_DONE;
	if (outcome == PUMP_DONE && line.close_when_done) {
		pump_close(pump);
	}
}

static void line_moved(struct pump *pump, size_t len, bool spliced)
{
	ck_assert_ptr_eq(pump, &line.pump);
	line.n_moved[spliced] += len;
}

const struct pump_calls line_calls = {.tell = line_told, .moved = line_moved};

/** Called after the pump's own handler: notes how many bytes wait now. */
static void look_at_waiting(struct recorder *recorder, const struct event *event)
{
	size_t waiting = stream_bytes_waiting(line.to);

	(void)recorder;
	if (event->data != NULL) {
		ck_assert_uint_le(waiting, line.mark);
	}
	if (line.splices) {
		stream_splice_to(line.from, line.to);
	}
	if (waiting > line.most_waiting) {
		line.most_waiting = waiting;
	}
}

void line_prepare(int i, bool tiny, size_t mark)
{
	static const enum wire_kind froms[] = {WIRE_TCP, WIRE_UNIX, WIRE_PIPE_IN};
	static const enum wire_kind tos[] = {WIRE_TCP, WIRE_UNIX, WIRE_PIPE_OUT};
	enum wire_kind to_kind = tos[i % 3];
	struct wire from;
	struct wire to;

	memset(&line, 0, sizeof(line));
	line.from_kind = froms[i / 3];
	line.mark = mark;
	from = tiny ? wire_open_tiny(line.from_kind) : wire_open(line.from_kind);
	to = tiny ? wire_open_tiny(to_kind) : wire_open(to_kind);
	line.in = from.far;
	sender_init(&line.sender);
	line.from = stream_open(test_loop, from.near, STREAM_HALF_OPEN);
	line.to = stream_open(test_loop, to.near, STREAM_HALF_OPEN);
	ck_assert(line.from != NULL && line.to != NULL);
	stream_set_timeout(line.from, 0);
	stream_set_timeout(line.to, 0);
	stream_set_high_water_mark(line.to, mark);
	peer_open(&line.out, to.far);
	line.out.is_pattern = true;
	line.out.fd = peer_release(&line.out); /* it reads when the test says so */
	line.out.fd = to.far;
}

void line_open(int i, bool tiny, size_t mark)
{
	line_prepare(i, tiny, mark);
	ck_assert_int_eq(pump_open(&line.pump, line.from, line.to, &line_calls), 0);
	recorder_on(&line.watch, line.from, STREAM_READ);
	line.watch.act = look_at_waiting;
	line.splices = getenv("WEIR_TEST_SPLICE") != NULL;
	if (line.splices) {
		pipe_pool_allow(test_loop, PIPES_MAX);
		stream_splice_to(line.from, line.to);
	}
}

void line_receive(size_t max)
{
	struct peer before = line.out;

	peer_open(&line.out, before.fd);
	line.out.max = max;
	line.out.is_pattern = true;
	line.out.n_received = before.n_received;
}

void line_finish(void)
{
	sender_stop(&line.sender);
	if (line.in >= 0) {
		close(line.in);
		line.in = -1;
	}
}

void line_close(void)
{
	pump_close(&line.pump);
	line.from = stream_free(line.from);
	line.to = stream_free(line.to);
	line_finish();
	peer_close(&line.out);
}

void line_fill(void)
{
	while (stream_bytes_waiting(line.to) == 0) {
		sender_send(&line.sender, line.in, 2048);
		loop_until(sender_is_done(&line.sender));
		loop_settle();
	}
}
