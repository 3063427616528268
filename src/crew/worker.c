/* SPDX-License-Identifier: ISC */
#include "crew/worker.h"

#include <errno.h>

#include "base/thread.h"
#include "crew/order.h"
#include "log/log.h"
#include "stream/loop.h"
#include "stream/pipe.h"

/** A start. It is on the stack of the thread that waits for it. */
struct start {
	struct worker *worker;
	sem_t done;
	int status; /**< the result: 0 or a negative errno */
};

/* ---- on the worker's thread ---- */

static void on_stop(struct task *task)
{
	(void)loop_stop(container_of(task, struct worker, stop)->loop);
}

static void on_part(struct task *task)
{
	struct order_part *part = container_of(task, struct order_part, task);
	struct worker *worker = part->worker;
	int r;

	if (list_empty(&part->link)) {
		list_append(&worker->parts, &part->link);
	}
	r = part->order->run(part);
	if (r == ORDER_AGAIN) {
		loop_next(worker->loop, &part->task);
	} else if (r != ORDER_LATER) {
		order_answer(part, r);
	}
}

static void on_proxy_quiet(void *owner)
{
	struct worker *worker = owner;

	atomic_store(&worker->accepts, false);
	worker->opts.quiet(worker->opts.owner);
}

static void on_proxy_switched(void *owner)
{
	struct worker *worker = owner;
	struct order_part *part = worker->switching;

	worker->switching = NULL;
	order_answer(part, 0);
}

static void on_proxy_refuses(void *owner)
{
	struct worker *worker = owner;

	worker->opts.refuses(worker->opts.owner);
}

static int worker_open(struct worker *worker)
{
	worker->loop = loop_new();
	if (worker->loop == NULL) {
		return -errno;
	}
	pipe_pool_allow(worker->loop, worker->opts.shared->n_pipes);
	proxy_init(&worker->proxy, worker->loop, worker->opts.shared, worker->opts.index);
	worker->proxy.owner = worker;
	worker->proxy.quiet = on_proxy_quiet;
	worker->proxy.switched = on_proxy_switched;
	worker->proxy.refuses = on_proxy_refuses;
	loop_hold(worker->loop);
	return 0;
}

/** Answers the orders that are still open with -ECANCELED, so that no asker waits for ever. */
static void worker_give_up(struct worker *worker)
{
	while (!list_empty(&worker->parts)) {
		struct order_part *part = container_of(worker->parts.next, struct order_part, link);

		loop_cancel(worker->loop, &part->task);
		order_answer(part, -ECANCELED);
	}
	worker->switching = NULL;
}

static void *worker_main(void *arg)
{
	struct start *start = arg;
	struct worker *worker = start->worker;
	int r;

	/* Without a queue log lines are lost, but the start does not fail. */
	(void)log_thread_open();
	r = worker_open(worker);
	start->status = r;
	(void)sem_post(&start->done); /* `start` must not be used from here on */
	if (r == 0) {
		(void)loop_run(worker->loop);
		worker_give_up(worker);
		(void)sem_post(&worker->halted);
		thread_wait(&worker->released);
		proxy_fini(&worker->proxy);
		loop_release(worker->loop);
		worker->loop = loop_free(worker->loop);
	}
	log_thread_close();
	return NULL;
}

/* ---- on the main thread ---- */

int worker_start(struct worker *worker, const struct worker_opts *opts)
{
	struct start start = {.worker = worker};
	int r;

	worker->opts = *opts;
	atomic_store(&worker->accepts, true);
	list_init(&worker->parts);
	task_init(&worker->stop, on_stop);
	(void)sem_init(&start.done, 0, 0);
	(void)sem_init(&worker->halted, 0, 0);
	(void)sem_init(&worker->released, 0, 0);
	r = thread_start(&worker->thread, worker_main, &start);
	if (r == 0) {
		worker->running = true;
		thread_wait(&start.done);
		r = start.status;
	} else {
		(void)sem_destroy(&worker->halted);
		(void)sem_destroy(&worker->released);
	}
	(void)sem_destroy(&start.done);
	return r;
}

void worker_give(struct worker *worker, struct order_part *part)
{
	part->worker = worker;
	task_init(&part->task, on_part);
	loop_post(worker->loop, &part->task);
}

void worker_halt(struct worker *worker)
{
	if (worker->running && worker->loop != NULL) {
		loop_post(worker->loop, &worker->stop);
		thread_wait(&worker->halted);
	}
}

void worker_stop(struct worker *worker)
{
	if (!worker->running) {
		return;
	}
	(void)sem_post(&worker->released);
	(void)pthread_join(worker->thread, NULL);
	(void)sem_destroy(&worker->halted);
	(void)sem_destroy(&worker->released);
	worker->running = false;
}
