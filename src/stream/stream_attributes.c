/* SPDX-License-Identifier: ISC */
/* The attributes of a stream and its subscriptions. Nothing here moves a byte. */
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
	if (s == NULL) {
		return NULL;
	}
	if (s->loop == NULL) {
		s->loop = loop_own();
	}
	return s->loop;
}

int stream_fd(const struct stream *s)
{
	return s == NULL ? -1 : s->fd;
}

int stream_cause(const struct stream *s)
{
	return s == NULL ? -EINVAL : s->cause;
}

uint64_t stream_cause_ns(const struct stream *s)
{
	return s == NULL || s->cause == 0 ? 0 : s->cause_ns;
}

bool stream_has_ended(const struct stream *s)
{
	return s != NULL && s->ended;
}

bool stream_has_hung_up(const struct stream *s)
{
	return s != NULL && s->hangup != HANGUP_NONE;
}

size_t stream_high_water_mark(const struct stream *s)
{
	return s == NULL ? 0 : s->high_water;
}

/** Whether an attribute may be set; 0 or a negative errno. */
static int check_set(const struct stream *s, bool in_range)
{
	if (s == NULL || !in_range) {
		return -EINVAL;
	}
	return stream_has_fd(s) ? 0 : -EBADF;
}

int stream_set_high_water_mark(struct stream *s, size_t bytes)
{
	int r = check_set(s, bytes > 0 && bytes <= UINT32_MAX);

	if (r == 0) {
		s->high_water = (uint32_t)bytes;
	}
	return r;
}

bool stream_can_write(const struct stream *s)
{
	return s != NULL && s->life < LIFE_FAILED && !s->shut && s->waiting < s->high_water;
}

size_t stream_bytes_waiting(const struct stream *s)
{
	return s == NULL ? 0 : s->waiting;
}

uint64_t stream_bytes_read(const struct stream *s)
{
	return s == NULL ? 0 : s->n_read;
}

uint64_t stream_bytes_written(const struct stream *s)
{
	return s == NULL ? 0 : s->n_written;
}

uint64_t stream_read_ns(const struct stream *s)
{
	return s == NULL ? 0 : s->read_ns;
}

uint64_t stream_written_ns(const struct stream *s)
{
	return s == NULL ? 0 : s->written_ns;
}

uint64_t stream_stalled_ns(const struct stream *s)
{
	return s != NULL && s->cause == 0 ? s->stalled_ns : NS_NEVER;
}

/**
 * For Multipath TCP, `info` describes only the first subflow, and answers to probes count as
 * acknowledgements in it. Adds what MPTCP_INFO knows of all subflows, from Linux 6.10 on; our
 * headers are older than that.
 */
static void add_subflows(const struct stream *s, struct tcp_info *info)
{
	enum { SOL = 284, INFO = 1, FALLBACK = 1 };
	struct {
		uint8_t counts[6];
		uint32_t flags;
		uint32_t token;
		uint64_t write_seq;
		uint64_t snd_una;
		uint64_t rcv_nxt;
		uint8_t bits[3];
		uint32_t retransmits;
		uint64_t bytes[4];
		uint8_t subflows_total;
		uint32_t last_data_sent_ms;
		uint32_t last_data_recv_ms;
		uint32_t last_ack_recv_ms;
	} all = {.flags = 0};
	socklen_t len = sizeof(all);

	static_assert(sizeof(all) == 96, "as the kernel has it");
	if (getsockopt(s->fd, SOL, INFO, &all, &len) < 0 || len < sizeof(all) ||
		(all.flags & FALLBACK) != 0) {
		return; /* an older kernel, or the peer uses plain TCP */
	}
	if (all.last_data_sent_ms < info->tcpi_last_data_sent) {
		info->tcpi_last_data_sent = all.last_data_sent_ms;
	}
	if (all.last_ack_recv_ms < info->tcpi_last_ack_recv) {
		info->tcpi_last_ack_recv = all.last_ack_recv_ms;
	}
	info->tcpi_unacked = info->tcpi_unacked > 0 || all.write_seq != all.snd_una;
}

uint64_t stream_delivered_ns(const struct stream *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	uint64_t now_ns;
	uint64_t age_ns;

	if (!stream_is_tcp(s) || !stream_has_fd(s) ||
		getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) {
		return 0;
	}
	if (s->kind == KIND_MPTCP) {
		add_subflows(s, &info);
	}
	/* A stuck peer still acknowledges probes, and data is still sent to a dead one, so the
	 * earlier one of the two times counts. But data that was sent long ago may be acknowledged
	 * bit by bit, so the time of sending counts only if all data is acknowledged. */
	age_ns = (info.tcpi_last_data_sent > info.tcpi_last_ack_recv && info.tcpi_unacked == 0
				 ? info.tcpi_last_data_sent
				 : info.tcpi_last_ack_recv) *
		 (uint64_t)NS_PER_MS;
	now_ns = clock_ns();
	/* Before the first acknowledgement the age is that of the kernel's clock, or more. */
	return age_ns < now_ns ? now_ns - age_ns : 0;
}

bool stream_is_answered(const struct stream *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	return !stream_is_tcp(s) || !stream_has_fd(s) ||
	       getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	       info.tcpi_state != TCP_SYN_SENT;
}

bool stream_is_tcp(const struct stream *s)
{
	return s != NULL && (s->kind == KIND_TCP || s->kind == KIND_MPTCP);
}

int stream_set_read_max(struct stream *s, size_t bytes)
{
	int r = check_set(s, bytes > 0);

	if (r == 0) {
		s->read_max = bytes < READ_MAX ? bytes & (READ_MAX - 1) : READ_MAX;
	}
	return r;
}

bool stream_is_writing(const struct stream *s)
{
	return s != NULL && stream_has_fd(s) && (s->waiting > 0 || s->drain == DRAIN_DUE);
}

bool stream_is_readable(struct stream *s)
{
	struct pollfd pollfd = {.fd = stream_fd(s), .events = POLLIN | POLLPRI};

	assert(stream_is_current(s));
	if (pollfd.fd < 0) {
		return false;
	}
	if (s->clock != NULL) {
		s->clock->restarted_ns = clock_ns();
	}
	return poll(&pollfd, 1, 0) > 0;
}

/* ---- events ---- */

/** Claims a DRAIN of this turn for which nobody was subscribed until now. */
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

/** Whether handlers may take these `events`: the library's and the application's own. */
static bool are_events(unsigned events)
{
	return events != 0 && events <= STREAM_ALL_TAKEN_EVENTS;
}

int stream_on(struct stream *s, unsigned events, struct handler *handler)
{
	int r;

	assert(stream_is_current(s));
	if (s == NULL || !are_events(events)) {
		return -EINVAL;
	}
	r = emitter_on(&s->emitter, events, handler);
	if (r == 0) {
		claim_drain(s, events);
	}
	return r;
}

int stream_once(struct stream *s, unsigned events, struct handler *handler)
{
	int r = stream_on(s, events, handler);

	if (r == 0) {
		handler->once = true;
	}
	return r;
}

void stream_off(struct stream *s, struct handler *handler)
{
	assert(stream_is_current(s));
	if (s != NULL) {
		emitter_off(&s->emitter, handler);
	}
}

void stream_off_events(struct stream *s, unsigned events)
{
	assert(stream_is_current(s));
	if (s != NULL) {
		emitter_off_events(&s->emitter, events);
	}
}

size_t stream_subscribers(const struct stream *s, unsigned events)
{
	return s == NULL ? 0 : emitter_subscribers(&s->emitter, events);
}

bool stream_has_subscribers(const struct stream *s, unsigned events)
{
	return s != NULL && emitter_has(&s->emitter, events);
}
