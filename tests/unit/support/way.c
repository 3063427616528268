/* SPDX-License-Identifier: ISC */
#include "way.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "stream/loop_private.h"

struct way way;

/* ---- splices out of a pipe that are cut short or refused ---- */

ssize_t __real_splice(int from, off_t *, int to, off_t *, size_t len, unsigned flags);
ssize_t __wrap_splice(int from, off_t *, int to, off_t *, size_t len, unsigned flags);

ssize_t __wrap_splice(int from, off_t *from_at, int to, off_t *to_at, size_t len, unsigned flags)
{
	if (fault_strikes("splice", FAULT_BYTES, EINVAL)) {
		return -1;
	}
	if (way.refuses_out && to == stream_fd(way.to)) {
		errno = EINVAL;
		return -1;
	}
	if (way.cut > 0 && way.cut < len && to == stream_fd(way.to)) {
		len = way.cut;
	}
	return __real_splice(from, from_at, to, to_at, len, flags);
}

/* ---- the way ---- */

static void pass_on(struct recorder *recorder, const struct event *event)
{
	(void)recorder;
	if (event->type != STREAM_READ) {
		return;
	}
	if (event->data != NULL) {
		(void)stream_write(way.to, event->data, event->len, NULL);
	}
	if (way.stops && stream_bytes_waiting(way.to) > 0) {
		stream_stop(way.from);
	}
	if (way.switches) {
		stream_splice_to(way.from, stream_is_splicing(way.from) ? NULL : way.to);
	}
}

void way_open(int i, bool tiny)
{
	enum wire_kind from_kind = (i & 1) == 0 ? WIRE_TCP : WIRE_UNIX;
	enum wire_kind to_kind = (i & 2) == 0 ? WIRE_TCP : WIRE_UNIX;
	struct wire from = wire_open(from_kind);
	struct wire to = tiny ? wire_open_tiny(to_kind) : wire_open(to_kind);

	memset(&way, 0, sizeof(way));
	way.in = from.far;
	way.out.fd = to.far;
	sender_init(&way.sender);
	pipe_pool_allow(test_loop, PIPES_MAX);
	way.from = stream_open(test_loop, from.near, STREAM_HALF_OPEN);
	way.to = stream_open(test_loop, to.near, STREAM_HALF_OPEN);
	ck_assert(way.from != NULL && way.to != NULL);
	stream_set_timeout(way.from, 0);
	recorder_on(&way.source, way.from, STREAM_ALL_EVENTS);
	recorder_on(&way.sink, way.to, STREAM_ALL_EVENTS);
	way.source.act = pass_on;
	stream_splice_to(way.from, way.to);
	ck_assert_int_eq(stream_start(way.from), 0);
}

void way_receive(void)
{
	peer_open(&way.out, way.out.fd);
	way.out.is_pattern = true;
}

void way_send(size_t len)
{
	sender_send(&way.sender, way.in, len);
}

const struct pipe_pool *way_pool(void)
{
	return loop_pipes(test_loop);
}

void way_close(void)
{
	way.from = stream_free(way.from);
	way.to = stream_free(way.to);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	ck_assert_uint_eq(loop_queued_bytes(test_loop), 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	sender_stop(&way.sender);
	if (way.in >= 0) {
		close(way.in);
	}
	if (way.out.watcher.ready != NULL) {
		peer_close(&way.out);
	} else {
		close(way.out.fd);
	}
}

void way_fill_pipe(void)
{
	way.stops = true;
	way_send(64 * 1024 * 1024);
	loop_until(stream_bytes_waiting(way.to) > 0);
	loop_settle();
	ck_assert(!stream_is_started(way.from));
	way.stops = false;
	ck_assert_uint_eq(way.source.n_spliced, way.source.n_read);
	ck_assert_uint_gt(stream_bytes_waiting(way.to), 0);
}

bool way_is_out(void)
{
	return way.out.n_received == way.source.n_read;
}
