/* SPDX-License-Identifier: ISC */
/*
 * What health checks cost (upstream/check.h), beside a bare loop of socket, connect, epoll and
 * close at the same pace, in alternating rounds.
 *
 *	checks [ROUNDS [CHECKS [SERVERS [EVERY_MS]]]]
 *		Checks each of SERVERS servers (1,000) CHECKS times (5) in a round, every EVERY_MS
 *		(2,000), on a loop that a uv_loop_t hosts, as in the main thread of weir. Prints the
 *		processor time for a check, the ratio of the rounds, how late checks began, and how
 *		many TIME_WAITs they have left
 *
 * The servers are addresses of loopback with one listening socket, in a child.
 * docs/PERFORMANCE.md has the figures.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/sockopts.h"
#include "stream/loop.h"
#include "upstream/check.h"

enum {
	ROUNDS_MAX = 1000,
	SERVERS_MAX = 10000,
	LATE_MAX = 1000 * 1000,
};

/** What is measured. */
struct pace {
	unsigned n_servers;
	unsigned n_checks; /**< how often each server is checked in a round */
	unsigned every_ms;
	uint16_t port;
	uint16_t bare_port; /**< of the same servers, for the bare loop: it leaves TIME_WAITs */
};

static void must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static double cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- the servers, a process of their own ---- */

static pid_t serve(uint16_t *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	must(bind(listener, (struct sockaddr *)&in, len) == 0 && listen(listener, 4096) == 0 &&
			getsockname(listener, (struct sockaddr *)&in, &len) == 0,
		"listen");
	*ret_port = ntohs(in.sin_port);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int fd = accept(listener, NULL, NULL);

			if (fd >= 0) {
				close(fd); /* the checker has closed its side before */
			}
		}
	}
	close(listener);
	return pid;
}

static struct sockaddr_in server_address(unsigned i, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 + i);
	return in;
}

/** Counts the TIME_WAITs that have this port on either side. */
static unsigned count_time_waits(uint16_t port)
{
	FILE *file = fopen("/proc/net/tcp", "re");
	char line[256];
	unsigned n = 0;

	must(file != NULL, "/proc/net/tcp");
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned local;
		unsigned remote;
		unsigned state;

		if (sscanf(line, "%*u: %*8x:%x %*8x:%x %x", &local, &remote, &state) == 3 &&
			state == 6 && (local == port || remote == port)) {
			n++;
		}
	}
	(void)fclose(file);
	return n;
}

/* ---- the bare loop ---- */

/** Returns the processor time for a connect, in ns. */
static double run_bare(const struct pace *pace)
{
	uint64_t step_ns = (uint64_t)pace->every_ms * NS_PER_MS / pace->n_servers;
	uint64_t next_ns = clock_ns();
	uint64_t end_ns = next_ns + (uint64_t)pace->n_checks * pace->every_ms * NS_PER_MS;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	double began = cpu_ns();
	unsigned long n_ended = 0;
	unsigned i = 0;

	while (next_ns < end_ns) {
		struct epoll_event events[64];
		uint64_t now_ns = clock_ns();
		int timeout_ms = (int)((next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
		int n;

		while (next_ns <= now_ns) {
			struct sockaddr_in in = server_address(i, pace->bare_port);
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
			struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};

			(void)connect(fd, (struct sockaddr *)&in, sizeof(in));
			must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
			i = (i + 1) % pace->n_servers;
			next_ns += step_ns;
			timeout_ms = 0;
		}
		n = epoll_wait(epoll_fd, events, 64, timeout_ms);
		for (int k = 0; k < n; k++) {
			close(events[k].data.fd);
			n_ended++;
		}
	}
	close(epoll_fd);
	return (cpu_ns() - began) / (double)n_ended;
}

/* ---- weir's ---- */

static struct {
	struct check *checks[SERVERS_MAX];
	uint64_t late_ns[LATE_MAX];
	unsigned n_late;
	unsigned n_unjudged;
} weir;

static void on_changed(void *owner, const struct check_change *change)
{
	(void)owner;
	fprintf(stderr, "checks: a server is %s: %s\n", change->is_up ? "up" : "down",
		probe_result_name(change->outcome->result));
}

static void on_unjudged(void *owner, int err)
{
	(void)owner;
	(void)err;
	weir.n_unjudged++;
}

static void open_checks(struct loop *loop, const struct pace *pace)
{
	static const struct sockopts socket = {.nodelay = true};

	for (unsigned i = 0; i < pace->n_servers; i++) {
		struct addr addr = {.kind = ADDR_INET, .port = pace->port};
		struct check_opts opts = {
			.question = {.loop = loop, .addr = &addr, .options = &socket},
			.every_ns = (uint64_t)pace->every_ms * NS_PER_MS,
			.every_down_ns = (uint64_t)pace->every_ms * NS_PER_MS,
			.timeout_ns = NS_PER_S,
			.rise = 2,
			.fall = 3,
			.phase = check_phase(i),
			.changed = on_changed,
			.unjudged = on_unjudged,
		};

		addr.sa.in = server_address(i, pace->port);
		addr.sa_len = sizeof(addr.sa.in);
		weir.checks[i] = check_open(&opts);
		must(weir.checks[i] != NULL, "check");
	}
}

static void on_end(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/** Records each check once: a lateness that differs from the last one is that of a new check. */
static void look_at(unsigned n_servers)
{
	static uint64_t last_ns[SERVERS_MAX];

	for (unsigned i = 0; i < n_servers; i++) {
		uint64_t late_ns = check_late_ns(weir.checks[i]);

		if (late_ns != last_ns[i] && weir.n_late < LATE_MAX) {
			weir.late_ns[weir.n_late++] = late_ns;
			last_ns[i] = late_ns;
		}
	}
}

/** Returns the processor time for a check, in ns. */
static double run_weir(const struct pace *pace)
{
	uv_loop_t host;
	uv_timer_t timer;
	struct loop *loop;
	double began;
	double took;

	must(loop_init_host(&host) == 0, "uv_loop_init");
	loop = loop_open_on(&host);
	must(loop != NULL, "loop");
	(void)uv_timer_init(&host, &timer);
	open_checks(loop, pace);
	began = cpu_ns();
	took = 0;
	for (unsigned i = 0; i < pace->n_checks; i++) {
		(void)uv_timer_start(&timer, on_end, pace->every_ms, 0);
		(void)uv_run(&host, UV_RUN_DEFAULT);
		took += cpu_ns() - began;
		look_at(pace->n_servers);
		began = cpu_ns();
	}
	for (unsigned i = 0; i < pace->n_servers; i++) {
		weir.checks[i] = check_close(weir.checks[i]);
	}
	uv_close((uv_handle_t *)&timer, NULL);
	loop_free(loop);
	(void)uv_run(&host, UV_RUN_DEFAULT);
	(void)uv_loop_close(&host);
	return took / ((double)pace->n_servers * pace->n_checks);
}

/* ---- both, alternately ---- */

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return difference < 0 ? -1 : difference > 0;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print_lateness(void)
{
	unsigned n = weir.n_late;

	if (n > 0) {
		qsort(weir.late_ns, n, sizeof(weir.late_ns[0]), compare_ns);
		printf("late: %.2f ms in the middle, p99 %.2f ms, at most %.2f ms, of %u checks\n",
			(double)weir.late_ns[n / 2] / 1e6,
			(double)weir.late_ns[n * 99UL / 100] / 1e6,
			(double)weir.late_ns[n - 1] / 1e6, n);
	}
}

static void measure(unsigned rounds, const struct pace *pace)
{
	static double bare[ROUNDS_MAX];
	static double checks[ROUNDS_MAX];
	static double ratio[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++) {
		bare[i] = run_bare(pace);
		checks[i] = run_weir(pace);
		ratio[i] = checks[i] / bare[i];
	}
	qsort(bare, rounds, sizeof(double), compare);
	qsort(checks, rounds, sizeof(double), compare);
	qsort(ratio, rounds, sizeof(double), compare);
	printf("| servers | bare: CPU µs a connect | weir: a check | ratio (quartiles) | TIME_WAIT "
	       "|\n|---|---|---|---|---|\n| %u | %.2f | %.2f | %.3f (%.3f – %.3f) | %u |\n",
		pace->n_servers, bare[rounds / 2] / 1e3, checks[rounds / 2] / 1e3,
		ratio[rounds / 2], ratio[rounds / 4], ratio[rounds * 3 / 4],
		count_time_waits(pace->port));
	print_lateness();
	if (weir.n_unjudged > 0) {
		printf("%u checks could not be made\n", weir.n_unjudged);
	}
}

static unsigned long number(int argc, char **argv, int i, unsigned long otherwise)
{
	return argc > i ? strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	unsigned long rounds = number(argc, argv, 1, 5);
	unsigned long n_checks = number(argc, argv, 2, 5);
	unsigned long n_servers = number(argc, argv, 3, 1000);
	unsigned long every_ms = number(argc, argv, 4, 2000);
	struct pace pace;
	pid_t pids[2];

	if (argc > 5 || rounds == 0 || rounds > ROUNDS_MAX || n_checks == 0 || n_checks > 1000 ||
		n_servers == 0 || n_servers > SERVERS_MAX || every_ms == 0 || every_ms > 60000) {
		fprintf(stderr, "usage: checks [ROUNDS [CHECKS [SERVERS [EVERY_MS]]]]\n");
		return 2;
	}
	pace = (struct pace){
		.n_servers = (unsigned)n_servers,
		.n_checks = (unsigned)n_checks,
		.every_ms = (unsigned)every_ms,
	};
	pids[0] = serve(&pace.port);
	pids[1] = serve(&pace.bare_port);
	measure((unsigned)rounds, &pace);
	for (int i = 0; i < 2; i++) {
		(void)kill(pids[i], SIGKILL);
		must(waitpid(pids[i], NULL, 0) == pids[i], "waitpid");
	}
	return 0;
}
