/* SPDX-License-Identifier: ISC */
/* The clock of a stream's timeout, and moving a stream with its clock to another loop. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "stream/loop_private.h"
#include "stream/stream_private.h"

static uint64_t stream_deadline(const struct stream *s)
{
	uint64_t last = clock_later(s->clock->restarted_ns, clock_later(s->read_ns, s->written_ns));

	return clock_after(last, s->timeout_ms * (uint64_t)NS_PER_MS);
}

static void on_timeout(struct timer *timer)
{
	struct stream *s = container_of(timer, struct stream_clock, timer)->stream;

	/* Bytes that wait in the kernel count: look before deciding. */
	if (stream_deadline(s) <= clock_ns()) {
		stream_poke(s);
	}
	if (s->clock == NULL) {
		return; /* closed by a handler */
	}
	if (s->life == LIFE_FAILED && stream_reads(s)) {
		s->clock->restarted_ns = clock_ns(); /* no TIMEOUT: the failure will be reported */
	}
	if (stream_deadline(s) > clock_ns()) {
		timer_arm(timer, stream_deadline(s));
		return;
	}
	stream_tell(s, STREAM_TIMEOUT, NULL, 0);
	stream_close(s);
}

void stream_wind(struct stream *s)
{
	if (s->timeout_ms == 0 || !stream_has_fd(s)) {
		if (s->clock != NULL) {
			timer_close(&s->clock->timer);
			free(s->clock);
			s->clock = NULL;
		}
		return;
	}
	if (s->clock == NULL) {
		s->clock = calloc(1, sizeof(*s->clock));
		if (s->clock == NULL || timer_open(&s->clock->timer, s->loop, on_timeout) < 0) {
			free(s->clock);
			s->clock = NULL;
			stream_fail(s, -ENOMEM);
			return;
		}
		s->clock->stream = s;
	}
	s->clock->restarted_ns = clock_ns();
	timer_arm(&s->clock->timer, stream_deadline(s));
}

void stream_expire(struct stream *s)
{
	assert(stream_is_current(s));
	if (s != NULL && stream_has_fd(s)) {
		stream_tell(s, STREAM_TIMEOUT, NULL, 0);
	}
}

double stream_timeout(const struct stream *s)
{
	return s == NULL ? 0 : s->timeout_ms / 1000.0;
}

int stream_set_timeout(struct stream *s, double seconds)
{
	double ms = seconds * 1000;

	if (s == NULL || !(ms >= 0 && ms < UINT32_MAX)) {
		return -EINVAL;
	}
	assert(stream_is_current(s));
	if (!stream_has_fd(s)) {
		return -EBADF;
	}
	s->timeout_ms = (uint32_t)ms;
	if (ms - s->timeout_ms > 1e-6) {
		/* The timeout must not be early. A smaller rest is the rounding error of the
		 * double. */
		s->timeout_ms++;
	}
	/* If there is no loop, one could not be made, and stream_start() will report that. */
	if (s->timeout_ms == 0 || stream_loop(s) != NULL) {
		stream_wind(s);
	}
	return s->cause == -ENOMEM ? -ENOMEM : 0;
}

/* ---- to another loop ---- */

/** A copy of the clock for `loop`, not armed yet; NULL without an error if there is none. */
static int clock_for(const struct stream *s, struct loop *loop, struct stream_clock **ret_clock)
{
	struct stream_clock *clock = NULL;
	int r = 0;

	if (s->clock != NULL) {
		clock = malloc(sizeof(*clock));
		if (clock == NULL) {
			return -ENOMEM;
		}
		*clock = *s->clock;
		r = timer_open(&clock->timer, loop, s->clock->timer.strike);
	}
	if (r < 0) {
		free(clock);
		return r;
	}
	*ret_clock = clock;
	return 0;
}

static int move_watch(struct stream *s, struct loop *loop)
{
	void (*ready)(struct watcher * watcher, uint32_t events) = s->watcher.ready;
	int r = loop_watch(loop, s->fd, &s->watcher);

	if (r == 0) {
		loop_unwatch(s->loop, s->fd, &s->watcher);
		s->watcher.ready = ready;
	}
	return r;
}

/** The part of moving to `loop` that cannot fail. */
static void move(struct stream *s, struct loop *loop, struct stream_clock *clock)
{
	bool waits = task_is_waiting(&s->later);

	if (clock != NULL) {
		timer_arm(&clock->timer, s->clock->timer.deadline_ns);
		timer_close(&s->clock->timer);
		free(s->clock);
		s->clock = clock;
	}
	loop_cancel(s->loop, &s->later);
	loop_add_queued(s->loop, -(int64_t)s->waiting);
	s->loop = loop;
	loop_add_queued(s->loop, (int64_t)s->waiting);
	s->told_turn = 0;
	if (waits && s->deferred) {
		loop_defer(loop, &s->later);
	} else if (waits) {
		loop_next(loop, &s->later);
	}
}

int stream_set_loop(struct stream *s, struct loop *loop)
{
	struct stream_clock *clock;
	int r;

	assert(stream_is_current(s));
	if (s == NULL) {
		return -EINVAL;
	}
	if (!stream_has_fd(s)) {
		return -EBADF;
	}
	if (s->life != LIFE_NEW || stream_pipe(s) != NULL) {
		return -EBUSY;
	}
	loop = loop == NULL ? loop_own() : loop;
	if (loop == NULL) {
		return -ENOMEM;
	}
	assert(loop_is_current(loop));
	if (s->loop == NULL || s->loop == loop) {
		s->loop = loop;
		return 0;
	}
	r = clock_for(s, loop, &clock);
	if (r == 0 && s->watched) {
		r = move_watch(s, loop);
		if (r < 0 && clock != NULL) {
			timer_close(&clock->timer);
			free(clock);
		}
	}
	if (r == 0) {
		move(s, loop, clock);
	}
	return r;
}
