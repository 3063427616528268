/* SPDX-License-Identifier: ISC */
/*
 * A lane: a thread, its loop, and what its timers do.
 *
 * Lane i of n opens the connections i, i + n, i + 2n ..., each at its own planned time, so that all
 * lanes together open them in sequence. A heartbeat every 10 ms measures how late this loop is; the
 * reading of every close here may have been as late.
 */
#include <errno.h>

#include "base/thread.h"
#include "load/conn.h"
#include "load/run.h"
#include "load/scenario.h"
#include "load/serve.h"

enum { OPENS_A_TURN = 32, CLOSES_A_TURN = 32 };
#define BEAT_NS ((uint64_t)10 * NS_PER_MS)

/** How often the gate is asked again for a connection that may not be opened yet. */
#define GATE_LOOK_NS ((uint64_t)10 * NS_PER_MS)

/** How long it may take after a stall until everything that arrived during it was read. */
#define CATCH_UP_NS ((uint64_t)100 * NS_PER_MS)

/* ---- opening ---- */

static uint64_t open_time(const struct lane *lane, uint64_t index)
{
	const struct run *run = lane->run;
	uint64_t gate_ns = atomic_load(&run->gate_ns);
	uint64_t n_before = options_busy(run->options);
	uint64_t began_ns = run->began_ns;

	if (gate_ns != 0 && index >= n_before) {
		began_ns = gate_ns;
		index -= n_before;
	}
	return began_ns + (uint64_t)((double)index / run->options->ramp * NS_PER_S);
}

/** Whether the scenario allows the next connection to be opened. If not, the ramp asks again a
 * little later. */
static bool pass_gate(struct lane *lane)
{
	struct run *run = lane->run;
	uint64_t wait_ns = run->options->connect_wait_ns;
	uint64_t none = 0;

	if (run->options->scenario->gate == NULL || lane->next < options_busy(run->options) ||
		atomic_load(&run->gate_ns) != 0) {
		return true;
	}
	if (!run->options->scenario->gate(run, lane->next) &&
		clock_ns() < clock_after(run->began_ns, wait_ns)) {
		timer_arm(&lane->ramp, clock_after(clock_ns(), GATE_LOOK_NS));
		return false;
	}
	(void)atomic_compare_exchange_strong(&run->gate_ns, &none, clock_ns());
	return true;
}

static void on_ramp(struct timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, ramp);
	const struct options *options = lane->run->options;

	for (unsigned i = 0; i < OPENS_A_TURN && lane->next < options->n_connections; i++) {
		if (!pass_gate(lane)) {
			return;
		}
		if (open_time(lane, lane->next) > clock_ns()) {
			break;
		}
		conn_open(&lane->run->clients[lane->next], lane);
		lane->next += options->n_threads;
	}
	if (lane->next < options->n_connections) {
		timer_arm(timer, open_time(lane, lane->next));
	}
}

/* ---- closing ---- */

void lane_close_later(struct lane *lane, struct conn *conn)
{
	conn->next_spent = lane->spent;
	lane->spent = conn;
	lane->has_new_spent = true;
	loop_next(lane->loop, &lane->tidy);
}

static void close_spent(struct lane *lane, uint64_t n)
{
	for (uint64_t i = 0; i < n && lane->spent != NULL; i++) {
		struct conn *conn = lane->spent;

		lane->spent = conn->next_spent;
		conn_close(conn);
	}
}

static void on_tidy(struct task *task)
{
	struct lane *lane = container_of(task, struct lane, tidy);

	if (!lane->has_new_spent) {
		close_spent(lane, CLOSES_A_TURN);
	}
	lane->has_new_spent = false;
	if (lane->spent != NULL) {
		loop_next(lane->loop, &lane->tidy);
	}
}

/* ---- measuring itself ---- */

uint64_t lane_delay_ns(const struct lane *lane, uint64_t now_ns)
{
	/* A heartbeat that is due is handled after what was read in the same turn. */
	uint64_t overdue_ns = now_ns > lane->beat_ns ? now_ns - lane->beat_ns : 0;
	bool is_over = lane->stalled_ns == 0 || now_ns - lane->stalled_ns > CATCH_UP_NS;

	return is_over ? overdue_ns : clock_later(overdue_ns, lane->stall_ns);
}

static void on_beat(struct timer *timer)
{
	struct lane *lane = container_of(timer, struct lane, heartbeat);
	uint64_t now_ns = clock_ns();
	uint64_t late_ns = now_ns - lane->beat_ns;

	hdr_record(&lane->delay, late_ns / NS_PER_US);
	if (late_ns >= lane_delay_ns(lane, now_ns)) {
		lane->stall_ns = late_ns;
		lane->stalled_ns = now_ns;
	}
	lane->beat_ns = now_ns + BEAT_NS;
	timer_arm(timer, lane->beat_ns);
}

/* ---- from the main thread ---- */

static void on_go(struct task *task)
{
	struct lane *lane = container_of(task, struct lane, go);
	const struct options *options = lane->run->options;

	for (uint64_t i = lane->index; i < options->n_connections; i += options->n_threads) {
		struct conn *conn = &lane->run->clients[i];

		if (conn->state == CONN_OPEN && conn->script->go != NULL) {
			conn->script->go(conn);
		}
	}
}

static void on_stop(struct task *task)
{
	struct lane *lane = container_of(task, struct lane, stop);
	const struct options *options = lane->run->options;

	timer_close(&lane->ramp);
	timer_close(&lane->heartbeat);
	serve_close(lane);
	for (uint64_t i = lane->index; i < options->n_connections; i += options->n_threads) {
		conn_stop(&lane->run->clients[i]);
	}
	for (struct conn *conn = lane->servers; conn != NULL; conn = conn->next_server) {
		conn_stop(conn);
	}
	close_spent(lane, UINT64_MAX);
	loop_cancel(lane->loop, &lane->tidy);
	(void)loop_stop(lane->loop);
}

/* ---- the thread ---- */

static int lane_set_up(struct lane *lane)
{
	int r;

	task_init(&lane->go, on_go);
	task_init(&lane->stop, on_stop);
	task_init(&lane->tidy, on_tidy);
	lane->next =
		options_obeys(lane->run->options) ? lane->run->options->n_connections : lane->index;
	lane->loop = loop_new();
	if (lane->loop == NULL) {
		return -errno;
	}
	loop_hold(lane->loop);
	r = timer_open(&lane->ramp, lane->loop, on_ramp);
	if (r == 0) {
		r = timer_open(&lane->heartbeat, lane->loop, on_beat);
	}
	return r == 0 ? serve_open(lane) : r;
}

static void *lane_main(void *arg)
{
	struct lane *lane = arg;

	lane->status = lane_set_up(lane);
	(void)sem_post(&lane->run->set_up);
	/* Now the main thread checks whether all lanes are set up, and says when to begin. */
	thread_wait(&lane->run->begin);
	if (!lane->run->aborted) {
		if (lane->next < lane->run->options->n_connections) {
			timer_arm(&lane->ramp, open_time(lane, lane->next));
		}
		lane->beat_ns = clock_after(clock_ns(), BEAT_NS);
		timer_arm(&lane->heartbeat, lane->beat_ns);
		(void)loop_run(lane->loop);
	}
	timer_close(&lane->ramp);
	timer_close(&lane->heartbeat);
	serve_close(lane);
	if (lane->loop != NULL) {
		loop_release(lane->loop);
		lane->loop = loop_free(lane->loop);
	}
	return NULL;
}

int lane_start(struct lane *lane)
{
	return thread_start(&lane->thread, lane_main, lane);
}
