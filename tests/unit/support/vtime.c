/* SPDX-License-Identifier: ISC */
#include "vtime.h"

#include <stdbool.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "fixture.h"
#include "stream/stream.h"

static struct {
	bool frozen;
	uint64_t now_ns;
	int fd; /**< the loop's timerfd; there is one loop */
	uint64_t armed_ns;
	bool delivers; /**< vtime_set_delivered() */
} vtime = {.armed_ns = NS_NEVER};

uint64_t __real_clock_ns(void);
uint64_t __wrap_clock_ns(void);
uint64_t __real_stream_delivered_ns(const struct stream *stream);
uint64_t __wrap_stream_delivered_ns(const struct stream *stream);
int __real_timerfd_settime(
	int fd, int flags, const struct itimerspec *spec, struct itimerspec *old);
int __wrap_timerfd_settime(
	int fd, int flags, const struct itimerspec *spec, struct itimerspec *old);

uint64_t __wrap_clock_ns(void)
{
	return vtime.frozen ? vtime.now_ns : __real_clock_ns();
}

/** The kernel does not use virtual time, so this returns the virtual time of now if
 * vtime_set_delivered() says so, else 0. */
uint64_t __wrap_stream_delivered_ns(const struct stream *stream)
{
	if (!vtime.frozen) {
		return __real_stream_delivered_ns(stream);
	}
	return vtime.delivers ? vtime.now_ns : 0;
}

void vtime_set_delivered(bool delivers)
{
	vtime.delivers = delivers;
}

/** Makes the real timer expire at once if the virtual one is due. */
static int vtime_set(void)
{
	struct itimerspec spec = {0};

	if (vtime.armed_ns <= vtime.now_ns) {
		spec.it_value.tv_nsec = 1; /* long ago, on the real clock */
		vtime.armed_ns = NS_NEVER;
	}
	return __real_timerfd_settime(vtime.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
	if (!vtime.frozen) {
		return __real_timerfd_settime(fd, flags, spec, old);
	}
	vtime.fd = fd;
	vtime.armed_ns =
		(uint64_t)spec->it_value.tv_sec * NS_PER_S + (uint64_t)spec->it_value.tv_nsec;
	return vtime_set();
}

void vtime_freeze(void)
{
	vtime.now_ns = __real_clock_ns();
	vtime.frozen = true;
}

void vtime_advance(uint64_t ns)
{
	vtime.now_ns += ns;
	if (vtime.armed_ns <= vtime.now_ns) {
		(void)vtime_set();
	}
}

static void on_turned(struct task *task)
{
	(void)task;
}

void vtime_pass(uint64_t ns)
{
	struct task task;

	/* The fixture arms its guard anew when the place of the wait changes. So this wait, which
	 * is not in loop_settle(), keeps the guard from striking after 30 s of virtual time. */
	task_init(&task, on_turned);
	loop_next(test_loop, &task);
	loop_until(!task_is_waiting(&task));
	vtime_advance(ns);
	loop_settle();
}
