/* SPDX-License-Identifier: ISC */
#include "crew/crew.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/thread.h"
#include "crew/worker.h"

/* ---- notices ---- */

/** Any thread. The flag is cleared before the main thread looks, so anything later causes another
 * post. */
static void notice_give(struct notice *notice, struct loop *loop)
{
	if (!atomic_exchange(&notice->posted, true)) {
		loop_post(loop, &notice->task);
	}
}

static void notice_take_back(struct notice *notice, struct loop *loop)
{
	if (atomic_exchange(&notice->posted, false)) {
		(void)loop_post_cancel(loop, &notice->task);
	}
}

static void on_worker_quiet(void *owner)
{
	struct crew *crew = owner;

	notice_give(&crew->quiet, crew->opts.loop);
}

static void on_worker_refuses(void *owner)
{
	struct crew *crew = owner;

	notice_give(&crew->refuses, crew->opts.loop);
}

static void on_quiet(struct task *task)
{
	struct crew *crew = container_of(task, struct crew, quiet.task);

	atomic_store(&crew->quiet.posted, false);
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		if (atomic_load(&crew->workers[i].accepts)) {
			return;
		}
	}
	crew->opts.quiet(crew->opts.owner);
}

static void on_refuses(struct task *task)
{
	struct crew *crew = container_of(task, struct crew, refuses.task);

	atomic_store(&crew->refuses.posted, false);
	crew->opts.refuses(crew->opts.owner);
}

/* ---- life ---- */

int crew_open(struct crew *crew, const struct crew_opts *opts)
{
	struct proxy_shared *shared = opts->shared;

	*crew = (struct crew){.opts = *opts};
	crew->workers = calloc(opts->n_workers, sizeof(*crew->workers));
	if (crew->workers == NULL) {
		crew_close(crew);
		return -ENOMEM;
	}
	assert(shared->n_workers == opts->n_workers);
	for (size_t i = 0; i < opts->n_workers; i++) {
		shared->parts[i] = &crew->workers[i].proxy.part;
	}
	task_init(&crew->quiet.task, on_quiet);
	task_init(&crew->refuses.task, on_refuses);
	return 0;
}

void crew_close(struct crew *crew)
{
	if (crew->opts.shared == NULL) {
		return;
	}
	assert(!crew->running);
	free(crew->workers);
	*crew = (struct crew){0};
}

int crew_start(struct crew *crew)
{
	struct worker_opts opts = {
		.shared = crew->opts.shared,
		.quiet = on_worker_quiet,
		.refuses = on_worker_refuses,
		.owner = crew,
	};
	int r = 0;

	crew->running = true;
	for (size_t i = 0; i < crew->opts.n_workers && r == 0; i++) {
		opts.index = i;
		r = worker_start(&crew->workers[i], &opts);
	}
	return r;
}

void crew_stop(struct crew *crew)
{
	if (!crew->running) {
		return;
	}
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		worker_halt(&crew->workers[i]);
	}
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		worker_stop(&crew->workers[i]);
	}
	crew->running = false;
	notice_take_back(&crew->quiet, crew->opts.loop);
	notice_take_back(&crew->refuses, crew->opts.loop);
}

/* ---- orders ---- */

int crew_open_order(struct crew *crew, struct order *order, int (*run)(struct order_part *part),
	void (*done)(struct order *order, int status))
{
	*order = (struct order){.crew = crew, .loop = crew->opts.loop, .run = run, .done = done};
	return order_init(order, crew->opts.n_workers);
}

static void give(struct order *order, enum order_way way)
{
	order_begin(order, way);
	for (size_t i = 0; i < order->n_parts; i++) {
		worker_give(&order->crew->workers[i], &order->parts[i]);
	}
}

void crew_post_all(struct order *order)
{
	if (order->crew->running) {
		give(order, ORDER_POSTED);
	}
}

void crew_ask_all(struct order *order)
{
	if (order->crew->running) {
		give(order, ORDER_ASKED);
	} else {
		order_give_up(order, -ECANCELED);
	}
}

int crew_wait_all(struct order *order)
{
	sem_t waiter;

	if (!order->crew->running) {
		return -ECANCELED;
	}
	(void)sem_init(&waiter, 0, 0); /* cannot fail with these arguments */
	order->waiter = &waiter;
	give(order, ORDER_WAITED_FOR);
	thread_wait(&waiter);
	order->waiter = NULL;
	(void)sem_destroy(&waiter);
	return atomic_load(&order->failed);
}

/* ---- numbers ---- */

static uint64_t count(const struct worker *worker, size_t counter)
{
	const char *counters = (const char *)&worker->proxy.part.counters;

	return atomic_load_explicit(
		(const _Atomic uint64_t *)(const void *)(counters + counter), memory_order_relaxed);
}

uint64_t crew_sum(const struct crew *crew, size_t counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		sum += count(&crew->workers[i], counter);
	}
	return sum;
}

uint64_t crew_max(const struct crew *crew, size_t counter)
{
	uint64_t max = 0;

	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		uint64_t n = count(&crew->workers[i], counter);

		max = n > max ? n : max;
	}
	return max;
}

static uint64_t sum_bytes(const struct crew *crew, uint64_t (*bytes_of)(const struct loop *loop))
{
	uint64_t sum = 0;

	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		sum += bytes_of(crew->workers[i].loop);
	}
	return sum;
}

uint64_t crew_waiting_bytes(const struct crew *crew)
{
	return sum_bytes(crew, loop_waiting_bytes);
}

uint64_t crew_queued_bytes(const struct crew *crew)
{
	return sum_bytes(crew, loop_queued_bytes);
}
