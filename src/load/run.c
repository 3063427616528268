/* SPDX-License-Identifier: ISC */
#include "load/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/proc.h"
#include "load/progress.h"
#include "load/scenario.h"

enum {
	TICK_MS = 50,
	TICK_NEAR_MS = 5,     /**< when nothing is waited for but server ends and last messages */
	STRANGERS_MAX = 1024, /**< server ends that nobody of this run opened */
	SOCKET_MODE = 0666,
};

/** Between the last connection that opened and the first of the last bytes. */
#define GO_NS ((uint64_t)20 * NS_PER_MS)

/** How long ends that nobody waits for may still close by themselves, and messages come back. */
#define GRACE_NS ((uint64_t)500 * NS_PER_MS)

/** What this process has resident, in bytes; 0 if that cannot be read. */
static uint64_t memory_now(void)
{
	uint64_t pages[2] = {0}; /* mapped, resident: proc_pid_statm(5) */

	(void)proc_read_numbers("/proc/self/statm", pages, 2);
	return pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- setting up ---- */

/** One listening socket a lane; a UNIX socket is the first lane's alone. */
static int listen_all(struct run *run, char *why)
{
	const struct options *options = run->options;
	char text[ADDR_TEXT_MAX];
	static const struct file_access access = {.mode = SOCKET_MODE};
	const char *remedy = NULL;
	int r;

	if (!options->has_serve) {
		return 0;
	}
	r = listen_open(&options->serve, &access, NULL, &run->lanes[0].socket, &remedy);
	for (uint64_t i = 1; r == 0 && i < options->n_threads; i++) {
		if (listen_can_double(&options->serve)) {
			r = listen_open_more(&run->lanes[0].socket, NULL, &run->lanes[i].socket);
		}
	}
	if (r < 0) {
		(void)snprintf(why, OPTIONS_WHY_MAX, "--serve %s: %s%s%s",
			addr_text(&options->serve, text), strerror(-r), remedy == NULL ? "" : "; ",
			remedy == NULL ? "" : remedy);
	}
	return r;
}

static int allocate(struct run *run)
{
	const struct options *options = run->options;

	run->n_servers_max = options->has_serve ? options->n_connections + STRANGERS_MAX : 0;
	/* calloc() of this size touches nothing: memory is taken when a connection is opened. */
	run->lanes = calloc(options->n_threads, sizeof(*run->lanes));
	run->clients = calloc(options->n_connections, sizeof(*run->clients));
	run->servers = calloc(run->n_servers_max + 1, sizeof(*run->servers));
	if (run->lanes == NULL || run->clients == NULL || run->servers == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < options->n_threads; i++) {
		run->lanes[i].run = run;
		run->lanes[i].index = i;
		run->lanes[i].socket.fd = -1;
	}
	return 0;
}

/** Starts the lanes, which then wait for the second barrier. */
static int start_lanes(struct run *run)
{
	unsigned n = (unsigned)run->options->n_threads;
	int r = -pthread_barrier_init(&run->barrier, NULL, n + 1);

	for (unsigned i = 0; i < n && r == 0; i++) {
		r = lane_start(&run->lanes[i]);
		if (r < 0) {
			/* Those that run wait for us at a barrier that will never be full. */
			fprintf(stderr, "weirload: threads: %s\n", strerror(-r));
			_exit(LOAD_EXIT_USAGE);
		}
	}
	(void)pthread_barrier_wait(&run->barrier);
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = run->lanes[i].status;
	}
	return r;
}

int run_open_signals(void)
{
	sigset_t signals;
	int fd;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* ---- the main thread while it runs ---- */

static void post_go(struct run *run)
{
	atomic_store(&run->go_ns, clock_after(clock_ns(), GO_NS));
	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		loop_post(run->lanes[i].loop, &run->lanes[i].go);
	}
}

bool run_is_idle(const struct run *run)
{
	return atomic_load(&run->n_settled) == run->options->n_connections &&
	       atomic_load(&run->n_awaited) == 0;
}

/** Whether nothing more is to be waited for; *since_ns is when that became so. */
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
	/* Nobody else waits for the server ends of the silent. */
	if (run->options->silent) {
		grace_ns = clock_later(grace_ns, run->options->connect_wait_ns);
	}
	return (atomic_load(&run->n_servers_over) >= atomic_load(&run->n_servers) &&
		       atomic_load(&run->n_over) >= atomic_load(&run->n_settled)) ||
	       clock_ns() - *since_ns > grace_ns;
}

int run_pending_signal(void)
{
	sigset_t pending;

	if (sigpending(&pending) < 0) {
		return 0; /* UNTESTED: EFAULT is its only error */
	}
	if (sigismember(&pending, SIGINT) == 1) {
		return SIGINT;
	}
	return sigismember(&pending, SIGTERM) == 1 ? SIGTERM : 0;
}

/** Until everything is over, or a signal comes. */
static void watch(struct run *run, int signal_fd)
{
	struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
	uint64_t done_since_ns = NS_NEVER;
	struct progress progress;

	progress_init(&progress, run);
	while (!is_done(run, &done_since_ns)) {
		uint64_t memory = memory_now();

		run->memory_peak = memory > run->memory_peak ? memory : run->memory_peak;
		progress_show(&progress);
		if (run->options->scenario->bit == SCENARIO_DRAIN) {
			(void)drain_run_step(&run->drain, run);
		}
		if (run->options->spread_ns != NS_NEVER && atomic_load(&run->go_ns) == NS_NEVER &&
			atomic_load(&run->n_settled) == run->options->n_connections) {
			post_go(run);
		}
		if (poll(&poll_fd, 1, done_since_ns == NS_NEVER ? TICK_MS : TICK_NEAR_MS) > 0) {
			run->signal = run_pending_signal();
			break;
		}
	}
	progress_fini(&progress);
}

static void stop_lanes(struct run *run)
{
	atomic_store(&run->stopping, true);
	if (!run->aborted) {
		for (uint64_t i = 0; i < run->options->n_threads; i++) {
			loop_post(run->lanes[i].loop, &run->lanes[i].stop);
		}
	}
	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		(void)pthread_join(run->lanes[i].thread, NULL);
	}
	(void)pthread_barrier_destroy(&run->barrier);
}

static int run_lanes(struct run *run, int signal_fd)
{
	int r = start_lanes(run);

	run->aborted = r < 0;
	run->memory_before = memory_now();
	run->memory_peak = run->memory_before;
	run->began_ns = clock_ns();
	(void)pthread_barrier_wait(&run->barrier);
	if (!run->aborted) {
		watch(run, signal_fd);
	}
	stop_lanes(run);
	drain_run_fini(&run->drain);
	run->ended_ns = clock_ns();
	return r;
}

static void init(struct run *run, const struct options *options)
{
	*run = (struct run){.options = options, .nonce = (uint8_t)(clock_ns() / NS_PER_US)};
	atomic_store(&run->go_ns, NS_NEVER);
	drain_run_init(&run->drain);
	atomic_store(&run->n_awaited, options->n_connections - options_busy(options));
	about_take(&run->about);
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

int run_all(struct run *run, const struct options *options, char *ret_why)
{
	int signal_fd;
	int r;

	init(run, options);
	ret_why[0] = '\0';
	signal_fd = run_open_signals();
	r = signal_fd < 0 ? signal_fd : allocate(run);
	if (r == 0) {
		r = listen_all(run, ret_why);
	}
	if (r == 0 && options->blackhole.sa_len != 0) {
		r = blackhole_open(&run->blackhole, &options->blackhole, ret_why);
	}
	if (r == 0) {
		r = run_lanes(run, signal_fd);
		run->n_untried =
			options->blackhole.sa_len != 0 && !blackhole_was_tried(&run->blackhole);
	}
	blackhole_close(&run->blackhole);
	if (r < 0 && ret_why[0] == '\0') {
		(void)snprintf(ret_why, OPTIONS_WHY_MAX, "cannot start: %s", strerror(-r));
	}
	if (signal_fd >= 0) {
		close(signal_fd);
	}
	return r;
}

void run_fini(struct run *run)
{
	for (uint64_t i = 0; run->lanes != NULL && i < run->options->n_threads; i++) {
		listen_close(&run->lanes[i].socket);
	}
	free(run->lanes);
	free(run->clients);
	free(run->servers);
	run->lanes = NULL;
	run->clients = NULL;
	run->servers = NULL;
}
