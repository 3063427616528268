/* SPDX-License-Identifier: ISC */
/*
 * A binary heap of the armed timers, with the earliest deadline in heap[1], and one timerfd that is
 * set to it. The timerfd is set again only if a deadline is earlier than that, or after it
 * has expired: a timer that was disarmed or postponed causes at most one needless wake-up.
 */
#include "stream/timer_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stream/loop_private.h"

enum { CAPACITY_MIN = 16 };

static void heap_put(struct timers *timers, size_t slot, struct timer *timer)
{
	timers->heap[slot] = timer;
	timer->slot = slot;
}

/** Finds the place for `timer`, from the hole at `slot` towards the top. */
static size_t heap_rise(struct timers *timers, size_t slot, const struct timer *timer)
{
	while (slot > 1 && timers->heap[slot / 2]->deadline_ns > timer->deadline_ns) {
		heap_put(timers, slot, timers->heap[slot / 2]);
		slot /= 2;
	}
	return slot;
}

/** Finds the place for `timer`, from the hole at `slot` towards the leaves. */
static size_t heap_sink(struct timers *timers, size_t slot, const struct timer *timer)
{
	for (;;) {
		size_t child = slot * 2;

		if (child < timers->n_armed &&
			timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns) {
			child++;
		}
		if (child > timers->n_armed ||
			timers->heap[child]->deadline_ns >= timer->deadline_ns) {
			return slot;
		}
		heap_put(timers, slot, timers->heap[child]);
		slot = child;
	}
}

static void heap_insert(struct timers *timers, struct timer *timer)
{
	timers->n_armed++;
	heap_put(timers, heap_rise(timers, timers->n_armed, timer), timer);
}

static void heap_remove(struct timers *timers, struct timer *timer)
{
	size_t slot = timer->slot;
	struct timer *last = timers->heap[timers->n_armed--];

	timer->slot = 0;
	if (last != timer) {
		heap_put(timers, heap_sink(timers, heap_rise(timers, slot, last), last), last);
	}
}

/** Sets the timerfd to the earliest deadline if it is set to a later time. */
static void timers_set(struct timers *timers)
{
	uint64_t ns = timers->n_armed > 0 ? timers->heap[1]->deadline_ns : NS_NEVER;
	struct itimerspec spec = {0};
	int r;

	if (ns >= timers->armed_ns) {
		return;
	}
	/* Zero would disarm the timerfd. The kernel takes a past time as now, and a time beyond its
	 * range as one that never comes. */
	spec.it_value.tv_sec = (time_t)(ns / NS_PER_S);
	spec.it_value.tv_nsec = (long)(ns % NS_PER_S) + (ns == 0);
	r = timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &spec, NULL);
	assert(r == 0);
	(void)r;
	timers->armed_ns = ns;
}

static void on_timerfd(struct watcher *watcher, uint32_t events)
{
	struct timers *timers = container_of(watcher, struct timers, watcher);

	/* The timerfd is not read: every expiry is an edge of its own, and setting the time clears
	 * the count. */
	(void)events;
	timers->due = true;
	loop_last(timers->loop, &timers->strike);
	timers->struck_ns = timers->armed_ns;
	timers->armed_ns = NS_NEVER;
}

/** Calls the timers that are due, up to TIMERS_A_TURN; the others wait for the next turn. */
static void on_strike(struct task *task)
{
	struct timers *timers = container_of(task, struct timers, strike);
	uint64_t now = clock_ns();

	timers->slice_ns = now;
	loop_note_delay(timers->loop, timers->struck_ns, now);
	timers->struck_ns = NS_NEVER;
	for (unsigned i = 0; i < TIMERS_A_TURN; i++) {
		struct timer *timer = timers->n_armed > 0 ? timers->heap[1] : NULL;

		if (timer == NULL || timer->deadline_ns > now) {
			timers->due = false;
			timers_set(timers);
			return;
		}
		timer_arm(timer, NS_NEVER);
		timer->strike(timer);
	}
	loop_last(timers->loop, task);
}

int timers_init(struct timers *timers, struct loop *loop)
{
	int r;

	timers->watcher.ready = on_timerfd;
	task_init(&timers->strike, on_strike);
	timers->armed_ns = NS_NEVER;
	timers->struck_ns = NS_NEVER;
	timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timers->fd < 0) {
		return -errno;
	}
	r = loop_watch(loop, timers->fd, &timers->watcher);
	if (r < 0) {
		close(timers->fd);
		return r;
	}
	/* The timerfd alone does not keep a loop running; an armed timer does. */
	loop_release(loop);
	timers->loop = loop;
	return 0;
}

void timers_fini(struct timers *timers)
{
	if (timers->loop == NULL) {
		return;
	}
	assert(timers->n_open == 0);
	list_remove(&timers->strike.link);
	loop_hold(timers->loop);
	close(timers->fd);
	loop_forget(timers->loop, &timers->watcher);
	timers->loop = NULL;
	free(timers->heap);
	timers->heap = NULL;
}

static int timers_resize(struct timers *timers, size_t capacity)
{
	struct timer **heap = realloc(timers->heap, (capacity + 1) * sizeof(struct timer *));

	if (heap == NULL) {
		return -ENOMEM;
	}
	timers->heap = heap;
	timers->capacity = capacity;
	return 0;
}

int timer_open(struct timer *timer, struct loop *loop, void (*strike)(struct timer *timer))
{
	struct timers *timers;
	int r = 0;

	if (timer == NULL || loop == NULL || strike == NULL) {
		return -EINVAL;
	}
	assert(loop_is_current(loop));
	timers = loop_timers(loop);
	if (timers->n_open == timers->capacity) {
		r = timers_resize(
			timers, timers->capacity == 0 ? CAPACITY_MIN : timers->capacity * 2);
		if (r < 0) {
			return r;
		}
	}
	timers->n_open++;
	timer->loop = loop;
	timer->deadline_ns = NS_NEVER;
	timer->slot = 0;
	timer->strike = strike;
	return 0;
}

void timer_close(struct timer *timer)
{
	struct timers *timers;

	if (timer == NULL || timer->loop == NULL) {
		return;
	}
	(void)timer_arm(timer, NS_NEVER);
	timers = loop_timers(timer->loop);
	timer->loop = NULL;
	timers->n_open--;
	if (timers->capacity > CAPACITY_MIN && timers->n_open < timers->capacity / 4) {
		/* Gives memory back after a burst; if that fails, keeps what it has. */
		(void)timers_resize(timers, timers->capacity / 2);
	}
}

int timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	struct timers *timers;

	if (timer == NULL || timer->loop == NULL) {
		return -EINVAL;
	}
	assert(loop_is_current(timer->loop));
	timers = loop_timers(timer->loop);
	/* The timer comes after all that were due by then. So a timer that is always armed for a
	 * past time waits for the others each time. */
	if (deadline_ns <= timers->slice_ns) {
		deadline_ns = timers->slice_ns + 1;
	}
	if (deadline_ns == timer->deadline_ns) {
		return 0;
	}
	if (timer->slot != 0) {
		heap_remove(timers, timer);
		loop_release(timer->loop);
	}
	timer->deadline_ns = deadline_ns;
	if (deadline_ns != NS_NEVER) {
		heap_insert(timers, timer);
		loop_hold(timer->loop);
		if (!timers->due) {
			timers_set(timers);
		}
	}
	return 0;
}
