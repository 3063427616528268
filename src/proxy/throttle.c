/* SPDX-License-Identifier: ISC */
#include "proxy/throttle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/pump.h"

/** The time in which `len` bytes are saved up, rounded up. */
static uint64_t cost_ns(const struct throttle *throttle, size_t len)
{
	unsigned __int128 cost = (unsigned __int128)len * NS_PER_S;

	return (uint64_t)((cost + throttle->bytes_a_second - 1) / throttle->bytes_a_second);
}

/** How many bytes are saved up in a time. */
static size_t bytes_in(const struct throttle *throttle, uint64_t ns)
{
	unsigned __int128 bytes = (unsigned __int128)ns * throttle->bytes_a_second / NS_PER_S;

	return bytes < PUMP_READ_MAX ? (size_t)bytes : SIZE_MAX;
}

/** The time in ns, but at least that of one byte. */
static uint64_t at_least(const struct throttle *throttle, unsigned ms)
{
	return clock_later((uint64_t)ms * NS_PER_MS, cost_ns(throttle, 1));
}

/** The start of the time whose bytes are the current credit. */
static uint64_t spent_ns(const struct throttle *throttle, uint64_t now_ns)
{
	uint64_t saved_ns = at_least(throttle, THROTTLE_SAVED_MS);

	return now_ns < saved_ns ? throttle->spent_ns
				 : clock_later(throttle->spent_ns, now_ns - saved_ns);
}

/** Sets how many bytes the next read may take. */
static void throttle_allow(struct throttle *throttle, uint64_t ns)
{
	pump_set_max(throttle->pump, bytes_in(throttle, ns));
}

static void throttle_look(struct throttle *throttle, uint64_t now_ns)
{
	struct stream *from = throttle->pump->from;
	uint64_t from_ns = spent_ns(throttle, now_ns);
	uint64_t left_ns = now_ns > from_ns ? now_ns - from_ns : 0;
	uint64_t least_ns = at_least(throttle, THROTTLE_LEAST_MS);

	if (left_ns >= least_ns && !throttle_keeps(throttle)) {
		throttle_allow(throttle, left_ns);
	} else if (from_ns <= now_ns && !throttle_keeps(throttle) && stream_unread(from) == 0) {
		throttle_allow(throttle, least_ns);
	} else {
		(void)stream_pause(from, STREAM_HELD_BACK);
		timer_arm(&throttle->timer,
			clock_after(from_ns, at_least(throttle, THROTTLE_PAUSE_MS)));
	}
}

/** Gives the pump as many of the kept bytes as are saved up in a time. */
static void throttle_give(struct throttle *throttle, uint64_t ns)
{
	size_t max = bytes_in(throttle, ns);
	struct span part = throttle->kept;

	part.n = part.n < max ? part.n : max;
	throttle->kept.bytes += part.n;
	throttle->kept.n -= part.n;
	pump_give(throttle->pump, part.bytes, part.n); /* which calls throttle_moved() */
	if (!throttle_keeps(throttle)) {
		free(throttle->buffer);
		throttle->buffer = NULL;
	}
}

static void on_strike(struct timer *timer)
{
	struct throttle *throttle = container_of(timer, struct throttle, timer);
	uint64_t now_ns = clock_ns();
	uint64_t left_ns = now_ns - spent_ns(throttle, now_ns);

	if (throttle_keeps(throttle)) {
		throttle_give(throttle, left_ns);
	} else {
		throttle_allow(throttle, left_ns);
	}
	if (timer->deadline_ns == NS_NEVER) {
		throttle->resumed_ns = now_ns;
		/* It may be closed already. */
		(void)stream_resume(throttle->pump->from, STREAM_HELD_BACK);
	} /* else what was given has used the credit up */
	throttle->resumed(throttle);
}

int throttle_open(struct throttle *throttle, struct loop *loop, uint64_t bytes_a_second,
	void (*resumed)(struct throttle *throttle))
{
	*throttle = (struct throttle){.bytes_a_second = bytes_a_second, .resumed = resumed};
	return bytes_a_second == 0 ? 0 : timer_open(&throttle->timer, loop, on_strike);
}

int throttle_keep(struct throttle *throttle, struct span first)
{
	if (throttle->bytes_a_second == 0 || first.n == 0) {
		return 0;
	}
	throttle->buffer = malloc(first.n);
	if (throttle->buffer == NULL) {
		return -ENOMEM;
	}
	throttle->kept = (struct span){memcpy(throttle->buffer, first.bytes, first.n), first.n};
	return 0;
}

void throttle_begin(struct throttle *throttle, struct pump *pump)
{
	if (throttle->bytes_a_second > 0) {
		throttle->pump = pump;
		throttle_allow(throttle, at_least(throttle, THROTTLE_SAVED_MS));
	}
	if (throttle_keeps(throttle)) {
		throttle_give(throttle, at_least(throttle, THROTTLE_SAVED_MS));
	}
}

void throttle_moved(struct throttle *throttle, size_t len)
{
	uint64_t now_ns;

	if (throttle->bytes_a_second > 0) {
		now_ns = clock_ns();
		throttle->spent_ns =
			clock_after(spent_ns(throttle, now_ns), cost_ns(throttle, len));
		throttle_look(throttle, now_ns);
	}
}

bool throttle_holds(const struct throttle *throttle)
{
	return throttle->pump != NULL &&
	       (stream_pauses(throttle->pump->from) & STREAM_HELD_BACK) != 0;
}

void throttle_close(struct throttle *throttle)
{
	timer_close(&throttle->timer);
	free(throttle->buffer);
	throttle->buffer = NULL;
	throttle->kept = (struct span){NULL, 0};
	throttle->bytes_a_second = 0;
	throttle->pump = NULL;
}
