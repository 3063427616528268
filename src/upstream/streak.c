/* SPDX-License-Identifier: ISC */
#include "upstream/streak.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "stream/loop.h"

/* ---- all streaks ---- */

void streaks_init(struct streaks *streaks)
{
	*streaks = (struct streaks){.loop = NULL};
	(void)pthread_mutex_init(&streaks->lock, NULL); /* glibc's does not fail */
	list_init(&streaks->full);
}

static void lock(struct streaks *streaks)
{
	(void)pthread_mutex_lock(&streaks->lock);
}

static void unlock(struct streaks *streaks)
{
	(void)pthread_mutex_unlock(&streaks->lock);
}

void streaks_open(struct streaks *streaks, struct loop *loop, struct task *taker)
{
	streaks->loop = loop;
	streaks->taker = taker;
}

void streaks_close(struct streaks *streaks)
{
	if (streaks->loop != NULL) {
		(void)loop_post_cancel(streaks->loop, streaks->taker);
		streaks->loop = NULL;
	}
}

void streaks_take(struct streaks *streaks, struct list *ret_full)
{
	lock(streaks);
	streaks->is_posted = false;
	list_move_all(ret_full, &streaks->full);
	unlock(streaks);
}

void streaks_tell(struct streaks *streaks, struct streak *streak)
{
	bool was_posted;

	lock(streaks);
	list_append(&streaks->full, &streak->link);
	was_posted = streaks->is_posted;
	streaks->is_posted = true;
	unlock(streaks);
	if (!was_posted) {
		loop_post(streaks->loop, streaks->taker);
	}
}

/* ---- one streak ---- */

/**
 * The index in the ring of the failure `ago` places before the next one; `ago` is 1 to its room.
 */
static uint32_t place_of(const struct streak *streak, uint32_t ago)
{
	return streak->next >= ago ? streak->next - ago : streak->next + streak->room - ago;
}

int streak_reserve(struct streaks *streaks, struct streak *streak, uint32_t needed)
{
	uint64_t *times;
	uint64_t *before;
	uint32_t n;

	if (needed <= streak->room) { /* only this thread changes it */
		return 0;
	}
	times = malloc(needed * sizeof(*times));
	if (times == NULL) {
		return -ENOMEM;
	}
	lock(streaks);
	n = atomic_load(&streak->n);
	for (uint32_t i = 0; i < n; i++) {
		times[i] = streak->times[place_of(streak, n - i)];
	}
	before = streak->times;
	streak->times = times;
	streak->room = needed;
	streak->next = n;
	unlock(streaks);
	free(before);
	return 0;
}

void streak_set(struct streaks *streaks, struct streak *streak, uint32_t needed, uint64_t within_ns)
{
	lock(streaks);
	assert(needed <= streak->room);
	streak->needed = needed;
	streak->within_ns = within_ns;
	if (needed == 0) {
		atomic_store(&streak->n, 0);
	}
	unlock(streaks);
}

void streak_listen(struct streaks *streaks, struct streak *streak)
{
	lock(streaks);
	streak->is_told = false;
	unlock(streaks);
}

void streak_fini(struct streak *streak)
{
	free(streak->times);
}

/** Stores a failure. Returns whether the streak is full. */
static bool add(struct streak *streak)
{
	uint64_t now_ns = clock_ns();
	uint32_t n = atomic_load(&streak->n);

	streak->times[streak->next] = now_ns;
	streak->next = streak->next + 1 == streak->room ? 0 : streak->next + 1;
	n = n < streak->room ? n + 1 : n;
	if (n >= streak->needed &&
		now_ns - streak->times[place_of(streak, streak->needed)] <= streak->within_ns) {
		n = 0;
	}
	atomic_store(&streak->n, n);
	return n == 0;
}

bool streak_add(struct streaks *streaks, struct streak *streak)
{
	bool tells = false;

	if (streaks->loop == NULL) {
		return false;
	}
	lock(streaks);
	if (streak->needed > 0 && add(streak) && !streak->is_told) {
		streak->is_told = true;
		tells = true;
	}
	unlock(streaks);
	return tells;
}

void streak_clear_some(struct streaks *streaks, struct streak *streak)
{
	lock(streaks);
	atomic_store(&streak->n, 0);
	unlock(streaks);
}
