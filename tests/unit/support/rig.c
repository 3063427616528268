/* SPDX-License-Identifier: ISC */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "stream/pipe.h"

enum { MARK = 64 * 1024 };

/* ---- a peer ---- */

static void side_open(struct side *side, enum wire_kind kind, enum rig_size size)
{
	struct wire wire = size == RIG_TINY ? wire_open_tiny(kind) : wire_open(kind);

	*side = (struct side){.kind = kind, .fd = wire.far, .near = wire.near, .in.fd = -1};
	sender_init(&side->out);
	fault_suspend();
	ck_assert_int_eq(fcntl(wire.near, F_SETFL, O_NONBLOCK), 0);
	fault_resume();
}

void side_send(struct side *side, size_t len)
{
	sender_send(&side->out, side->fd, len);
}

void side_receive(struct side *side)
{
	size_t n_received = side->in.n_received;

	if (!side->receives) {
		peer_open(&side->in, side->fd);
		side->in.is_pattern = true;
		side->in.n_received = n_received;
		side->receives = true;
	}
}

void side_pause(struct side *side)
{
	if (side->receives) {
		(void)peer_release(&side->in);
		side->receives = false;
	}
}

void side_finish(struct side *side)
{
	sender_stop(&side->out);
	fault_suspend();
	ck_assert_int_eq(shutdown(side->fd, SHUT_WR), 0);
	fault_resume();
}

void side_close(struct side *side)
{
	side_pause(side);
	sender_stop(&side->out);
	if (side->fd >= 0) {
		close(side->fd);
		side->fd = -1;
	}
}

void side_reset(struct side *side)
{
	int fd = side->fd;

	side_pause(side);
	sender_stop(&side->out);
	side->fd = -1;
	peer_reset(fd);
}

size_t side_unsent(const struct side *side)
{
	int n = 0;

	ck_assert_int_eq(ioctl(side->fd, SIOCOUTQ, &n), 0);
	return (size_t)n;
}

bool side_saw_fin(const struct side *side)
{
	return side->in.ended && side->in.error == 0 && side->out.error == 0;
}

static int side_polls(const struct side *side)
{
	struct pollfd poll_fd = {.fd = side->fd, .events = POLLRDHUP};

	ck_assert_int_ge(poll(&poll_fd, 1, 0), 0);
	return poll_fd.revents;
}

bool side_saw_reset(struct side *side)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (side->kind != WIRE_TCP) {
		return side->in.ended || side->in.error != 0;
	}
	if (side->out.error != 0) {
		return true; /* the error was reported once, to the sender */
	}
	if (side->in.ended) {
		/* A FIN came before, so only the socket's state shows the reset. */
		ck_assert_int_eq(getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
		return err != 0 || (side_polls(side) & (POLLERR | POLLHUP)) != 0;
	}
	return side->in.error == -ECONNRESET;
}

bool side_is_hung_up(const struct side *side)
{
	return side_polls(side) != 0;
}

/* ---- the pair ---- */

static void on_ended(struct pair *pair, struct end end)
{
	struct rig *rig = container_of(pair, struct rig, pair);

	rig->n_ended++;
	rig->end = end;
	for (enum pair_side i = 0; i < SIDES; i++) {
		bool is_tcp = (i == SIDE_CLIENT ? &rig->client : &rig->upstream)->kind == WIRE_TCP;

		ck_assert_uint_eq(rig->n_parted[i], is_tcp ? 1 : 0);
	}
	session_clock_close(&rig->clock);
	if (rig->close_in_ended) {
		pair_close(pair);
	}
}

/** However the pair ends, parting() is called once for each socket while it is open. */
static void on_parting(struct pair *pair, enum pair_side side)
{
	struct rig *rig = container_of(pair, struct rig, pair);
	struct tcp_info info = {.tcpi_rtt = 0};
	socklen_t len = sizeof(info);

	rig->n_parted[side]++;
	ck_assert_int_eq(
		getsockopt(stream_fd(pair_stream(pair, side)), IPPROTO_TCP, TCP_INFO, &info, &len),
		0);
	ck_assert_uint_gt(info.tcpi_rtt, 0);
}

static void on_half_closed(struct pair *pair)
{
	struct rig *rig = container_of(pair, struct rig, pair);

	rig->n_half_closed++;
	ck_assert_uint_eq(rig->n_half_closed, 1);
	ck_assert_uint_eq(rig->n_ended, 0);
}

static const struct pair_calls calls = {
	.half_closed = on_half_closed, .parting = on_parting, .ended = on_ended};

static void on_strike(struct timer *timer)
{
	pair_strike(&container_of(timer, struct rig, clock.timer)->pair);
}

/** Weir's stream to the side. */
static struct stream *side_stream(struct side *side)
{
	unsigned flags = side->kind == WIRE_TCP ? STREAM_IS_TCP : STREAM_IS_UNIX;
	struct stream *stream =
		stream_open(test_loop, side->near, flags | STREAM_HALF_OPEN | STREAM_NONBLOCKING);

	ck_assert_ptr_nonnull(stream);
	side->near = -1;
	return stream;
}

void rig_open(struct rig *rig, int variant, enum rig_size size)
{
	memset(rig, 0, sizeof(*rig));
	rig->rules.tally = &rig->tally;
	memset(&rig->rules.timeouts, 0xff, sizeof(rig->rules.timeouts)); /* NS_NEVER, all of them */
	rig->rules.timeouts.lifetime_grace_ns = 0;
	rig->rules.timeouts.lifetime_spread_ns = 0;
	rig->splices = getenv("WEIR_TEST_SPLICE") != NULL;
	/* One splice moves as many bytes as many writes. */
	rig->mark = rig->splices ? 8 * MARK : MARK;
	side_open(&rig->client, (variant & 1) == 0 ? WIRE_TCP : WIRE_UNIX, size);
	side_open(&rig->upstream, (variant & 2) == 0 ? WIRE_TCP : WIRE_UNIX, size);
	ck_assert_int_eq(session_clock_open(&rig->clock, test_loop, &rig->rules, on_strike), 0);
	rig->early = side_stream(&rig->client);
	stream_set_timeout(rig->early, 0);
	stream_set_high_water_mark(rig->early, rig->mark);
	ck_assert_int_eq(stream_start(rig->early), 0);
	stream_stop(rig->early);
	recorder_on(&rig->client.heard, rig->early, STREAM_TIMEOUT | STREAM_CLOSE);
}

/** Makes the next read a splice too, however little was read. */
static void keep_splicing(struct rig *rig, struct side *side)
{
	struct stream *from = rig_stream(rig, side);

	if (rig->pair.state == PAIR_RELAYING && stream_pauses(from) == 0) {
		stream_splice_to(from, rig_stream(rig, rig_other(rig, side)));
	}
}

static void on_client_read(struct handler *handler, const struct event *event)
{
	struct rig *rig = container_of(handler, struct rig, client.keep);

	(void)event;
	keep_splicing(rig, &rig->client);
}

static void on_upstream_read(struct handler *handler, const struct event *event)
{
	struct rig *rig = container_of(handler, struct rig, upstream.keep);

	(void)event;
	keep_splicing(rig, &rig->upstream);
}

static void rig_splice(struct rig *rig)
{
	pipe_pool_allow(test_loop, PIPES_MAX);
	rig->client.keep.call = on_client_read;
	rig->upstream.keep.call = on_upstream_read;
	stream_on(rig_stream(rig, &rig->client), STREAM_READ, &rig->client.keep);
	stream_on(rig_stream(rig, &rig->upstream), STREAM_READ, &rig->upstream.keep);
	keep_splicing(rig, &rig->client);
	keep_splicing(rig, &rig->upstream);
}

void rig_join(struct rig *rig)
{
	struct pair_opts opts = {
		.client = rig->early,
		.upstream = side_stream(&rig->upstream),
		.first = rig->first,
		.clock = &rig->clock,
		.calls = &calls,
		.throttles = &rig->throttles,
		.bytes_a_second = {rig->bytes_a_second[SIDE_CLIENT],
			rig->bytes_a_second[SIDE_UPSTREAM]},
	};

	if (rig->bytes_a_second[SIDE_CLIENT] == 0 && rig->bytes_a_second[SIDE_UPSTREAM] == 0) {
		opts.throttles = NULL;
	}
	ck_assert_int_eq(pair_start(&rig->pair, &opts), 0);
	rig->early = NULL;
	recorder_on(&rig->upstream.heard, opts.upstream, STREAM_TIMEOUT | STREAM_CLOSE);
	if (rig->splices) {
		rig_splice(rig);
	}
}

void rig_drain_by(struct rig *rig, const struct deadline_drain *drain)
{
	rig->drain = *drain;
	rig->clock.drain = &rig->drain;
	pair_wind(&rig->pair);
}

void rig_drain(struct rig *rig, uint64_t end_ns)
{
	rig_drain_by(
		rig, &(struct deadline_drain){
			     .start_ns = clock_ns(), .idle_first_ns = NS_NEVER, .end_ns = end_ns});
}

void rig_close(struct rig *rig)
{
	session_clock_close(&rig->clock);
	pair_close(&rig->pair);
	rig->early = stream_free(rig->early);
	if (rig->upstream.near >= 0) {
		close(rig->upstream.near);
	}
	side_close(&rig->client);
	side_close(&rig->upstream);
	ck_assert_uint_le(rig->n_ended, 1);
}

void rig_assert_ended(const struct rig *rig, enum end_by by, enum end_reason reason)
{
	const struct end *end = &rig->end;

	ck_assert_uint_eq(rig->n_ended, 1);
	ck_assert_int_eq(rig->pair.state, PAIR_ENDED);
	ck_assert_msg(end->by == by && end->reason == reason, "it ended by %s for %s",
		end_by_name(end->by), end_reason_name(end->reason));
}

void rig_until_ended(struct rig *rig, enum end_by by, enum end_reason reason)
{
	loop_until(rig->n_ended > 0);
	loop_settle();
	rig_assert_ended(rig, by, reason);
}

struct side *rig_side(struct rig *rig, int i)
{
	return i == 0 ? &rig->client : &rig->upstream;
}

struct side *rig_other(struct rig *rig, const struct side *side)
{
	return side == &rig->client ? &rig->upstream : &rig->client;
}

struct stream *rig_stream(struct rig *rig, const struct side *side)
{
	if (rig->early != NULL) {
		return side == &rig->client ? rig->early : NULL;
	}
	return pair_stream(&rig->pair, side == &rig->client ? SIDE_CLIENT : SIDE_UPSTREAM);
}

enum end_by rig_by(const struct rig *rig, const struct side *side)
{
	return side == &rig->client ? END_BY_CLIENT : END_BY_UPSTREAM;
}

void rig_stall(struct rig *rig, struct side *from)
{
	struct stream *source = rig_stream(rig, from);
	struct stream *to = rig_stream(rig, rig_other(rig, from));

	side_send(from, 64 * 1024 * 1024);
	/* Reading stops at the mark. TCP may take a few bytes more, in this or a later turn. */
	do {
		loop_until(stream_pauses(source) != 0);
		loop_settle();
	} while (stream_pauses(source) == 0);
	ck_assert_uint_gt(stream_bytes_waiting(to), 0);
	ck_assert(rig->splices || stream_bytes_waiting(to) <= rig->mark);
	sender_stop(&from->out);
}
