/* SPDX-License-Identifier: ISC */
#include "proxy/throttle.h"

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

	if (left_ns >= least_ns) {
		throttle_allow(throttle, left_ns);
	} else if (from_ns <= now_ns && stream_unread(from) == 0) {
		throttle_allow(throttle, least_ns);
	} else {
		(void)stream_pause(from, STREAM_HELD_BACK);
		timer_arm(&throttle->timer,
			clock_after(from_ns, at_least(throttle, THROTTLE_PAUSE_MS)));
	}
}

static void on_strike(struct timer *timer)
{
	struct throttle *throttle = container_of(timer, struct throttle, timer);

	throttle->resumed_ns = clock_ns();
	throttle_allow(throttle, throttle->resumed_ns - spent_ns(throttle, throttle->resumed_ns));
	(void)stream_resume(throttle->pump->from, STREAM_HELD_BACK); /* it may be closed already */
	throttle->resumed(throttle);
}

int throttle_open(struct throttle *throttle, struct loop *loop, uint64_t bytes_a_second,
	void (*resumed)(struct throttle *throttle))
{
	*throttle = (struct throttle){.bytes_a_second = bytes_a_second, .resumed = resumed};
	return bytes_a_second == 0 ? 0 : timer_open(&throttle->timer, loop, on_strike);
}

void throttle_begin(struct throttle *throttle, struct pump *pump)
{
	if (throttle->bytes_a_second > 0) {
		throttle->pump = pump;
		throttle_allow(throttle, at_least(throttle, THROTTLE_SAVED_MS));
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
	throttle->bytes_a_second = 0;
	throttle->pump = NULL;
}
