/* SPDX-License-Identifier: ISC */
/* What can be asked of a stream and set on it, and who listens to it. Nothing here moves a byte. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "stream/loop_private.h"
#include "stream/stream_private.h"

struct loop *stream_loop(struct stream *s)
{
	if (s->loop == NULL) {
		s->loop = loop_own();
	}
	return s->loop;
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

int stream_cause(const struct stream *s)
{
	return s->cause;
}

uint64_t stream_cause_ns(const struct stream *s)
{
	return s->cause == 0 ? 0 : s->cause_ns;
}

bool stream_has_ended(const struct stream *s)
{
	return s->ended;
}

bool stream_has_hung_up(const struct stream *s)
{
	return s->hangup != HANGUP_NONE;
}

size_t stream_high_water_mark(const struct stream *s)
{
	return s->high_water;
}

void stream_set_high_water_mark(struct stream *s, size_t bytes)
{
	s->high_water = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

bool stream_can_write(const struct stream *s)
{
	return stream_has_fd(s) && s->life != LIFE_FAILED && !s->shut && s->waiting < s->high_water;
}

size_t stream_bytes_waiting(const struct stream *s)
{
	return s->waiting;
}

uint64_t stream_bytes_read(const struct stream *s)
{
	return s->n_read;
}

uint64_t stream_bytes_written(const struct stream *s)
{
	return s->n_written;
}

uint64_t stream_read_ns(const struct stream *s)
{
	return s->read_ns;
}

uint64_t stream_written_ns(const struct stream *s)
{
	return s->written_ns;
}

uint64_t stream_stalled_ns(const struct stream *s)
{
	return s->cause == 0 ? s->stalled_ns : NS_NEVER;
}

uint64_t stream_delivered_ns(const struct stream *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	uint64_t age_ms;

	if (s->kind != KIND_TCP || !stream_has_fd(s) ||
		getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) {
		return 0;
	}
	/* A stuck peer still acknowledges probes, to a dead one data is still sent: both count. But
	 * what was sent long ago and is still under way may be acknowledged bit by bit. */
	age_ms = info.tcpi_last_data_sent > info.tcpi_last_ack_recv && info.tcpi_unacked == 0
			 ? info.tcpi_last_data_sent
			 : info.tcpi_last_ack_recv;
	return clock_ns() - age_ms * NS_PER_MS;
}

bool stream_is_tcp(const struct stream *s)
{
	return s->kind == KIND_TCP;
}

void stream_set_read_max(struct stream *s, size_t bytes)
{
	assert(bytes > 0);
	s->read_max = (bytes < BYTES_A_TURN ? bytes : BYTES_A_TURN) & ((1 << READ_MAX_BITS) - 1);
}

bool stream_is_writing(const struct stream *s)
{
	return stream_has_fd(s) && (s->waiting > 0 || s->drain == DRAIN_DUE);
}

bool stream_is_readable(struct stream *s)
{
	struct pollfd pollfd = {.fd = s->fd, .events = POLLIN | POLLPRI};

	assert(stream_is_current(s));
	if (!stream_has_fd(s)) {
		return false;
	}
	if (s->clock != NULL) {
		s->clock->restarted_ns = clock_ns();
	}
	return poll(&pollfd, 1, 0) > 0;
}

/* ---- events ---- */

/** A DRAIN of this turn that nobody waited for until now. */
static void claim_drain(struct stream *s, unsigned events)
{
	if ((events & STREAM_DRAIN) == 0 || s->drain != DRAIN_OWED) {
		return;
	}
	s->drain = DRAIN_NONE;
	if (stream_has_fd(s) && s->waiting == 0 && s->written_ns >= loop_turned_ns(s->loop)) {
		s->drain = DRAIN_DUE;
		stream_defer(s);
	}
}

void stream_on(struct stream *s, unsigned events, struct handler *handler)
{
	assert(stream_is_current(s));
	emitter_on(&s->emitter, events, handler);
	claim_drain(s, events);
}

void stream_once(struct stream *s, unsigned events, struct handler *handler)
{
	assert(stream_is_current(s));
	emitter_once(&s->emitter, events, handler);
	claim_drain(s, events);
}

void stream_off(struct stream *s, struct handler *handler)
{
	assert(stream_is_current(s));
	emitter_off(&s->emitter, handler);
}

void stream_off_events(struct stream *s, unsigned events)
{
	assert(stream_is_current(s));
	emitter_off_events(&s->emitter, events);
}

size_t stream_subscribers(const struct stream *s, unsigned events)
{
	return emitter_subscribers(&s->emitter, events);
}

bool stream_has_subscribers(const struct stream *s, unsigned events)
{
	return emitter_has(&s->emitter, events);
}
