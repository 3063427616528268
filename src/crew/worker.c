/* SPDX-License-Identifier: ISC */
#include "crew/worker.h"

#include <assert.h>
#include <errno.h>

#include "base/thread.h"
#include "log/log.h"
#include "stream/loop.h"
#include "stream/pipe.h"

/* ---- on the worker's thread ---- */

static void worker_answer(struct worker *worker, int status)
{
	int r;

	worker->status = status;
	r = sem_post(&worker->answered);
	assert(r == 0);
	(void)r;
}

/** Answers who does not wait. */
static void worker_post_answer(struct worker *worker, int status)
{
	worker->status = status;
	atomic_store(&worker->answer_posted, true);
	loop_post(worker->control, &worker->answer);
}

/** More would hold up the pairs. */
enum { ACCEPTS_A_TURN = 32 };

static void on_accept(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, accept);
	int r = 0;

	for (unsigned n = 0; worker->next_socket < worker->sockets->n && r == 0;) {
		struct bound_socket *bound = worker->sockets->all[worker->next_socket];

		if (n == ACCEPTS_A_TURN) {
			loop_next(worker->loop, &worker->accept);
			return;
		}
		worker->next_socket++;
		if (bound->worker == worker->index &&
			atomic_load(&bound->state) == BOUND_PREPARED) {
			r = proxy_listen(&worker->proxy, worker->generation, bound);
			n++;
		}
	}
	worker->next_socket = 0;
	if (worker->on_answer == NULL) {
		worker_answer(worker, r);
	} else {
		worker_post_answer(worker, r);
	}
}

static void on_turn(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, turn);

	pipe_pool_allow(worker->loop, worker->n_pipes);
	proxy_turn(&worker->proxy, worker->generation);
}

static void on_proxy_turned(void *owner)
{
	worker_post_answer(owner, 0);
}

static void on_drain(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, drain);

	proxy_drain(&worker->proxy, &worker->plan);
}

static void on_end(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, end);

	proxy_end(&worker->proxy, worker->end_ns);
}

static void on_stop(struct task *task)
{
	(void)loop_stop(container_of(task, struct worker, stop)->loop);
}

static void on_proxy_quiet(void *owner)
{
	struct worker *worker = owner;

	atomic_store(&worker->accepts, false);
	if (!atomic_exchange(&worker->quiet_posted, true)) {
		loop_post(worker->control, &worker->quiet);
	}
}

static void on_proxy_refuses(void *owner)
{
	struct worker *worker = owner;

	if (!atomic_exchange(&worker->refuses_posted, true)) {
		loop_post(worker->control, &worker->refuses);
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	/* A queue that cannot be had costs log lines, not the start. */
	(void)log_thread_open();
	worker->loop = loop_new();
	if (worker->loop == NULL) {
		worker_answer(worker, -errno);
		log_thread_close();
		return NULL;
	}
	pipe_pool_allow(worker->loop, worker->shared->n_pipes);
	proxy_init(&worker->proxy, worker->loop, worker->shared, worker->index);
	worker->proxy.owner = worker;
	worker->proxy.quiet = on_proxy_quiet;
	worker->proxy.turned = on_proxy_turned;
	worker->proxy.refuses = on_proxy_refuses;
	loop_hold(worker->loop);
	worker_answer(worker, 0);
	(void)loop_run(worker->loop);
	(void)loop_post_cancel(worker->loop, &worker->accept);
	proxy_fini(&worker->proxy);
	loop_release(worker->loop);
	worker->loop = loop_free(worker->loop);
	log_thread_close();
	return NULL;
}

/* ---- on the main thread ---- */

static int worker_wait(struct worker *worker)
{
	while (sem_wait(&worker->answered) < 0) {
		assert(errno == EINTR);
	}
	return worker->status;
}

static void on_quiet(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, quiet);

	atomic_store(&worker->quiet_posted, false);
	worker->on_quiet(worker);
}

static void on_refuses(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, refuses);

	atomic_store(&worker->refuses_posted, false);
	worker->on_refuses(worker);
}

static void on_answer(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, answer);

	atomic_store(&worker->answer_posted, false);
	worker->on_answer(worker, worker->status);
}

int worker_start(struct worker *worker, size_t index, struct proxy_shared *shared,
	struct loop *control, void (*quiet)(struct worker *worker))
{
	int r;

	worker->index = index;
	worker->shared = shared;
	worker->control = control;
	worker->on_quiet = quiet;
	atomic_store(&worker->accepts, true);
	task_init(&worker->accept, on_accept);
	task_init(&worker->turn, on_turn);
	task_init(&worker->answer, on_answer);
	task_init(&worker->drain, on_drain);
	task_init(&worker->end, on_end);
	task_init(&worker->stop, on_stop);
	task_init(&worker->quiet, on_quiet);
	task_init(&worker->refuses, on_refuses);
	if (sem_init(&worker->answered, 0, 0) < 0) {
		return -errno;
	}
	r = thread_start(&worker->thread, worker_main, worker);
	if (r < 0) {
		sem_destroy(&worker->answered);
		return r;
	}
	worker->running = true;
	return worker_wait(worker);
}

int worker_accept(struct worker *worker, struct sockets *sockets)
{
	worker->sockets = sockets;
	worker->generation = worker->shared->generation;
	loop_post(worker->loop, &worker->accept);
	return worker_wait(worker);
}

void worker_accept_on(struct worker *worker, struct sockets *sockets, struct generation *generation)
{
	assert(worker->on_answer != NULL);
	worker->sockets = sockets;
	worker->generation = generation;
	loop_post(worker->loop, &worker->accept);
}

void worker_turn(struct worker *worker, struct generation *generation, size_t n_pipes)
{
	assert(worker->on_answer != NULL);
	worker->generation = generation;
	worker->n_pipes = n_pipes;
	loop_post(worker->loop, &worker->turn);
}

void worker_drain(struct worker *worker, const struct deadline_drain *drain)
{
	worker->plan = *drain;
	loop_post(worker->loop, &worker->drain);
}

void worker_end(struct worker *worker, uint64_t now_ns)
{
	worker->end_ns = now_ns;
	loop_post(worker->loop, &worker->end);
}

void worker_stop(struct worker *worker)
{
	if (!worker->running) {
		return;
	}
	if (worker->loop != NULL) {
		loop_post(worker->loop, &worker->stop);
	}
	(void)pthread_join(worker->thread, NULL);
	worker->running = false;
	if (atomic_load(&worker->quiet_posted)) {
		(void)loop_post_cancel(worker->control, &worker->quiet);
	}
	if (atomic_load(&worker->refuses_posted)) {
		(void)loop_post_cancel(worker->control, &worker->refuses);
	}
	if (atomic_load(&worker->answer_posted)) {
		(void)loop_post_cancel(worker->control, &worker->answer);
	}
	sem_destroy(&worker->answered);
}
