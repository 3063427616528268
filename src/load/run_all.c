/* SPDX-License-Identifier: ISC */
/* What the main thread does with a run: sets up, starts the lanes, watches, ends them. */
#include "load/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/thread.h"
#include "load/conn.h"
#include "load/listening.h"
#include "load/progress.h"
#include "load/remote.h"
#include "load/scenario.h"

enum {
	TICK_MS = 50,
	TICK_NEAR_MS = 5,     /**< when only server ends and last messages are waited for */
	STRANGERS_MAX = 1024, /**< server ends that no client of this run has opened */
	SOCKET_MODE = 0666,
};

/** The time between the last open and the first of the last bytes. */
#define GO_NS ((uint64_t)20 * NS_PER_MS)

/** How long ends for which the run does not wait may still be closed, and messages may still come
 * back. */
#define GRACE_NS ((uint64_t)500 * NS_PER_MS)

/** The resident memory of this process, in bytes; 0: it cannot be read. */
static uint64_t memory_now(void)
{
	uint64_t pages[2] = {0}; /* mapped, resident: proc_pid_statm(5) */

	(void)proc_read_numbers("/proc/self/statm", pages, 2);
	return pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- setting up ---- */

/** Opens a listening socket for each lane; a UNIX socket only for the first lane. */
static int listen_all(struct run *run, char *why)
{
	const struct options *options = run->options;
	int r;

	if (!options->has_serve || options->has_remote) {
		return 0;
	}
	r = listening_open("--serve", &options->serve, SOCKET_MODE, &run->lanes[0].socket, why);
	for (uint64_t i = 1; r == 0 && i < options->n_threads; i++) {
		if (listen_can_double(&options->serve)) {
			r = listen_open_more(&run->lanes[0].socket, NULL, &run->lanes[i].socket);
		}
	}
	return r;
}

static int allocate(struct run *run)
{
	const struct options *options = run->options;

	run->n_servers_max = options->has_serve ? options->n_connections + STRANGERS_MAX : 0;
	/* calloc() of this size does not touch the memory: it is used only when connections are
	 * opened. */
	run->lanes = calloc(options->n_threads, sizeof(*run->lanes));
	for (unsigned i = 0; run->lanes != NULL && i < options->n_threads; i++) {
		run->lanes[i].run = run;
		run->lanes[i].index = i;
		run->lanes[i].socket.fd = -1;
	}
	run->clients = calloc(options->n_connections, sizeof(*run->clients));
	run->servers = calloc(run->n_servers_max + 1, sizeof(*run->servers));
	return run->lanes == NULL || run->clients == NULL || run->servers == NULL ? -ENOMEM : 0;
}

/** Starts the lanes, which set up and then wait for run::begin. */
static int start_lanes(struct run *run)
{
	int r = 0;

	while (r == 0 && run->n_lanes < run->options->n_threads) {
		r = lane_start(&run->lanes[run->n_lanes]);
		run->n_lanes += r == 0;
	}
	for (unsigned i = 0; i < run->n_lanes; i++) {
		thread_wait(&run->set_up);
	}
	for (unsigned i = 0; i < run->n_lanes && r == 0; i++) {
		r = run->lanes[i].status;
	}
	return r;
}

/* ---- the main thread while it runs ---- */

/** Whether each connection was opened, or has failed. */
static bool are_settled(const struct run *run)
{
	return atomic_load(&run->n_settled) == run->options->n_connections;
}

static void post_go(struct run *run)
{
	atomic_store(&run->go_ns, clock_after(clock_ns(), GO_NS));
	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		loop_post(run->lanes[i].loop, &run->lanes[i].go);
	}
}

/** Whether there is nothing left to wait for; *since_ns is since when. */
static bool is_done(const struct run *run, uint64_t *since_ns)
{
	uint64_t grace_ns = GRACE_NS;

	if (!run_is_idle(run)) {
		*since_ns = NS_NEVER;
		return false;
	}
	if (*since_ns == NS_NEVER) {
		*since_ns = clock_ns();
	}
	/* With --silent no client waits for the server ends, so the run must. */
	if (run->options->silent) {
		grace_ns = clock_later(grace_ns, run->options->connect_wait_ns);
	}
	return (atomic_load(&run->n_servers_over) >= atomic_load(&run->n_servers) &&
		       atomic_load(&run->n_over) >= atomic_load(&run->n_settled)) ||
	       clock_ns() - *since_ns > grace_ns;
}

/** Watches the run until everything is over, or a signal comes. 0, or the error of
 * remote_step(). */
static int watch(struct run *run, int signal_fd, char *why)
{
	struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
	uint64_t done_since_ns = NS_NEVER;
	struct progress progress;
	int r = 0;

	progress_init(&progress, run);
	while (r == 0 && !is_done(run, &done_since_ns)) {
		uint64_t memory = memory_now();

		run->memory_peak = memory > run->memory_peak ? memory : run->memory_peak;
		progress_show(&progress);
		if (run->options->scenario->bit == SCENARIO_DRAIN) {
			drain_run_step(&run->drain, run->options, are_settled(run), &run->go_ns);
		}
		if (run->options->spread_ns != NS_NEVER && atomic_load(&run->go_ns) == NS_NEVER &&
			are_settled(run)) {
			post_go(run);
		}
		if (poll(&poll_fd, 1, done_since_ns == NS_NEVER ? TICK_MS : TICK_NEAR_MS) > 0) {
			run->signal = run_pending_signal();
			break;
		}
		if (run->options->has_remote) {
			r = remote_step(run, why);
		}
	}
	progress_fini(&progress);
	return r;
}

void run_stop(struct run *run)
{
	atomic_store(&run->stopping, true);
	if (!run->aborted) {
		for (unsigned i = 0; i < run->n_lanes; i++) {
			loop_post(run->lanes[i].loop, &run->lanes[i].stop);
		}
	}
	for (unsigned i = 0; i < run->n_lanes; i++) {
		(void)pthread_join(run->lanes[i].thread, NULL);
	}
	run->n_lanes = 0;
	run->ended_ns = clock_ns();
}

/** Lets the lanes begin, or end if one could not be set up. */
static int begin_lanes(struct run *run)
{
	int r = start_lanes(run);

	run->aborted = r < 0;
	run->memory_before = memory_now();
	run->memory_peak = run->memory_before;
	run->began_ns = clock_ns();
	for (unsigned i = 0; i < run->n_lanes; i++) {
		(void)sem_post(&run->begin);
	}
	if (r < 0) {
		run_stop(run);
	}
	return r;
}

static void init(struct run *run, const struct options *options)
{
	*run = (struct run){.options = options};
	run->nonce = options_obeys(options) ? options->nonce : (uint8_t)(clock_ns() / NS_PER_US);
	atomic_store(&run->go_ns, NS_NEVER);
	atomic_store(&run->n_awaited,
		options_obeys(options) ? 0 : options->n_connections - options_busy(options));
	drain_run_init(&run->drain);
	about_take(&run->about);
	(void)sem_init(&run->set_up, 0, 0); /* EINVAL and ENOSYS are the only errors */
	(void)sem_init(&run->begin, 0, 0);
}

int run_none(struct run *run, const struct options *options, const char *why)
{
	init(run, options);
	if (why == NULL) {
		run->signal = run_pending_signal();
	} else {
		(void)snprintf(run->failure, sizeof(run->failure), "%s", why);
	}
	return allocate(run);
}

int run_start(struct run *run, const struct options *options, char *ret_why)
{
	int r;

	init(run, options);
	ret_why[0] = '\0';
	r = allocate(run);
	if (r == 0) {
		r = listen_all(run, ret_why);
	}
	if (r == 0 && options->blackhole.sa_len != 0) {
		r = blackhole_open(&run->blackhole, &options->blackhole, ret_why);
	}
	if (r == 0 && options->has_remote) {
		r = remote_open(run, ret_why);
	}
	if (r == 0) {
		r = begin_lanes(run);
	}
	if (r < 0 && ret_why[0] == '\0') {
		(void)snprintf(ret_why, OPTIONS_WHY_MAX, "cannot start: %s", strerror(-r));
	}
	return r;
}

/** Ends the lanes, and a remote serving end; `r` is the error until now. */
static int end_all(struct run *run, int r, char *why)
{
	bool is_apart = run->options->has_remote;

	/* From now on the ends here are not judged when the other ends close. */
	atomic_store(&run->stopping, true);
	if (is_apart && r == 0) {
		r = remote_stop(run, why);
	}
	run_stop(run);
	if (is_apart && r == 0) {
		r = remote_fetch(run, why);
	}
	return r;
}

int run_all(struct run *run, const struct options *options, char *ret_why)
{
	int signal_fd = run_open_signals();
	int r;

	*run = (struct run){0};
	if (signal_fd < 0) {
		(void)snprintf(ret_why, OPTIONS_WHY_MAX, "signals: %s", strerror(-signal_fd));
		return signal_fd;
	}
	r = run_start(run, options, ret_why);
	if (r == -EINTR) {
		/* By a signal, before it has begun. */
		run_fini(run);
		r = run_none(run, options, NULL);
	} else if (r == 0) {
		r = watch(run, signal_fd, ret_why);
		r = end_all(run, r, ret_why);
		drain_run_fini(&run->drain);
		run->n_untried =
			options->blackhole.sa_len != 0 && !blackhole_was_tried(&run->blackhole);
	}
	close(signal_fd);
	return r;
}

void run_fini(struct run *run)
{
	for (uint64_t i = 0; run->lanes != NULL && i < run->options->n_threads; i++) {
		listen_close(&run->lanes[i].socket);
	}
	blackhole_close(&run->blackhole);
	remote_close(run);
	free(run->lanes);
	free(run->clients);
	free(run->servers);
	run->lanes = NULL;
	run->clients = NULL;
	run->servers = NULL;
}
