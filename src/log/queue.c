/* SPDX-License-Identifier: ISC */
/*
 * `pushed` and `taken` count bytes and only grow. The bytes between them are in the ring, at these
 * positions modulo its size. The owner stores `pushed` when a whole record is in place; the log
 * thread stores `taken` when it has copied one. Each store releases the bytes that the other
 * thread's load acquires.
 *
 * The owner's stores are even sequentially consistent: together with the log thread's `asleep` flag
 * they decide which thread sees the other first (sink.c).
 */
#include "log/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert((LOG_QUEUE_BYTES & (LOG_QUEUE_BYTES - 1)) == 0, "positions are masked");

struct log_queue *log_queue_new(void)
{
	/* calloc() gets such a large block from mmap(), so it is zero without being written. */
	struct log_queue *queue = calloc(1, sizeof(*queue));

	if (queue != NULL) {
		list_init(&queue->link);
	}
	return queue;
}

struct log_queue *log_queue_free(struct log_queue *queue)
{
	free(queue);
	return NULL;
}

static void ring_put(struct log_queue *queue, size_t at, const void *data, size_t len)
{
	size_t start = at & (LOG_QUEUE_BYTES - 1);
	size_t first = len < LOG_QUEUE_BYTES - start ? len : LOG_QUEUE_BYTES - start;

	memcpy(queue->bytes + start, data, first);
	memcpy(queue->bytes, (const char *)data + first, len - first);
}

static void ring_get(const struct log_queue *queue, size_t at, void *data, size_t len)
{
	size_t start = at & (LOG_QUEUE_BYTES - 1);
	size_t first = len < LOG_QUEUE_BYTES - start ? len : LOG_QUEUE_BYTES - start;

	memcpy(data, queue->bytes + start, first);
	memcpy((char *)data + first, queue->bytes, len - first);
}

bool log_queue_push(struct log_queue *queue, const struct log_record *record, const char *text)
{
	size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
	size_t taken = atomic_load_explicit(&queue->taken, memory_order_acquire);

	if (LOG_QUEUE_BYTES - (pushed - taken) < sizeof(*record) + record->len) {
		atomic_fetch_add(&queue->dropped, 1);
		return false;
	}
	ring_put(queue, pushed, record, sizeof(*record));
	ring_put(queue, pushed + sizeof(*record), text, record->len);
	atomic_store(&queue->pushed, pushed + sizeof(*record) + record->len);
	return true;
}

size_t log_queue_end(const struct log_queue *queue)
{
	return atomic_load(&queue->pushed);
}

bool log_queue_peek(const struct log_queue *queue, size_t end, struct log_record *ret_record)
{
	size_t taken = atomic_load_explicit(&queue->taken, memory_order_relaxed);

	if (taken == end) {
		return false;
	}
	assert(end - taken > sizeof(*ret_record));
	ring_get(queue, taken, ret_record, sizeof(*ret_record));
	return true;
}

void log_queue_take(struct log_queue *queue, const struct log_record *record, char *text)
{
	size_t taken = atomic_load_explicit(&queue->taken, memory_order_relaxed);

	ring_get(queue, taken + sizeof(*record), text, record->len);
	atomic_store_explicit(
		&queue->taken, taken + sizeof(*record) + record->len, memory_order_release);
}

uint64_t log_queue_take_dropped(struct log_queue *queue)
{
	uint64_t dropped = atomic_load(&queue->dropped);
	uint64_t fresh = dropped - queue->dropped_seen;

	queue->dropped_seen = dropped;
	return fresh;
}

bool log_queue_wants(const struct log_queue *queue)
{
	return atomic_load(&queue->pushed) !=
		       atomic_load_explicit(&queue->taken, memory_order_relaxed) ||
	       atomic_load(&queue->dropped) != queue->dropped_seen || atomic_load(&queue->closed);
}
