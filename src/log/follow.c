/* SPDX-License-Identifier: ISC */
/*
 * The ring is of the same kind as the queues to the log thread, but here the log thread pushes. The
 * lock is held for a copy or a post, never across a call that may block. The follower takes lines
 * without it, since only the follower frees the ring.
 */
#include "log/follow.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

static struct {
	atomic_bool on;
	pthread_mutex_t lock;
	uint64_t met;
	struct log_queue *ring;
	void (*wake)(void *owner);
	void *owner;
	bool handed; /* a line was pushed since the last wake() */
} follow = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool log_is_followed(void)
{
	return atomic_load_explicit(&follow.on, memory_order_relaxed);
}

int log_follow(void (*wake)(void *owner), void *owner, uint64_t *ret_met)
{
	struct log_queue *ring = log_queue_new();

	assert(follow.ring == NULL);
	if (ring == NULL) {
		return -ENOMEM;
	}
	(void)pthread_mutex_lock(&follow.lock);
	follow.ring = ring;
	follow.wake = wake;
	follow.owner = owner;
	follow.handed = false;
	*ret_met = follow.met;
	atomic_store(&follow.on, true);
	(void)pthread_mutex_unlock(&follow.lock);
	return 0;
}

void log_unfollow(void)
{
	struct log_queue *ring;

	(void)pthread_mutex_lock(&follow.lock);
	ring = follow.ring;
	follow.ring = NULL;
	atomic_store(&follow.on, false);
	(void)pthread_mutex_unlock(&follow.lock);
	log_queue_free(ring);
}

bool log_follow_take(struct log_record *ret_record, char ret_text[LOG_LINE_MAX])
{
	struct log_queue *ring = follow.ring;

	if (!log_queue_peek(ring, log_queue_end(ring), ret_record)) {
		return false;
	}
	log_queue_take(ring, ret_record, ret_text);
	return true;
}

uint64_t log_follow_take_dropped(void)
{
	return log_queue_take_dropped(follow.ring);
}

void log_follow_hand(const struct log_record *record, const char *text)
{
	(void)pthread_mutex_lock(&follow.lock);
	follow.met++;
	if (follow.ring != NULL) {
		(void)log_queue_push(follow.ring, record, text); /* a dropped line is counted */
		follow.handed = true;
	}
	(void)pthread_mutex_unlock(&follow.lock);
}

void log_follow_wake(void)
{
	if (!log_is_followed()) {
		return;
	}
	(void)pthread_mutex_lock(&follow.lock);
	if (follow.ring != NULL && follow.handed) {
		follow.handed = false;
		follow.wake(follow.owner);
	}
	(void)pthread_mutex_unlock(&follow.lock);
}
