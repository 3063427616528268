/* SPDX-License-Identifier: ISC */
#include "load/drain_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/options.h"

extern char **environ;

enum { SIGNALED = 128, LAST_LOOKS = 500, LAST_LOOK_MS = 10 };

/** How often a newcomer is tried. */
#define PROBE_NS ((uint64_t)250 * NS_PER_MS)

/* ---- the command ---- */

/** Starts the command in a process group of its own, with no signal blocked or ignored. */
static int start_command(const char *command, pid_t *ret_pid)
{
	char *const argv[] = {"sh", "-c", (char *)command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	sigset_t ours;
	int r = posix_spawnattr_init(&attr);

	if (r != 0) {
		return -r;
	}
	r = posix_spawn_file_actions_init(&files);
	if (r != 0) {
		(void)posix_spawnattr_destroy(&attr);
		return -r;
	}
	/* Its output must not mix with the report. */
	(void)posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	(void)sigemptyset(&none);
	(void)sigemptyset(&ours); /* what main.c ignores */
	(void)sigaddset(&ours, SIGPIPE);
	(void)sigaddset(&ours, SIGXFSZ);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &ours);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(ret_pid, "/bin/sh", &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return -r;
}

/** Whether the command has ended; stores its status. */
static bool reap(struct drain_run *drain, int flags)
{
	int status;

	if (drain->pid == 0) {
		return true;
	}
	if (waitpid(drain->pid, &status, flags) != drain->pid) {
		return false;
	}
	drain->pid = 0;
	drain->status = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALED + WTERMSIG(status);
	return true;
}

/* ---- newcomers ---- */

static void count_probe(struct drain_run *drain, uint64_t go_ns)
{
	struct pollfd poll_fd = {.fd = drain->probe_fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&poll_fd, 1, 0) <= 0) {
		drain->n_unanswered++;
	} else if (getsockopt(drain->probe_fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
		   error == 0) {
		drain->n_accepted++;
	} else {
		drain->n_refused++;
		if (drain->refused_ns < 0) {
			drain->refused_ns = (int64_t)(drain->probe_ns - PROBE_NS - go_ns);
		}
	}
	(void)close(drain->probe_fd);
	drain->probe_fd = -1;
}

static void try_newcomer(struct drain_run *drain, const struct addr *target, uint64_t go_ns)
{
	uint64_t now_ns = clock_ns();

	if (now_ns < drain->probe_ns) {
		return;
	}
	if (drain->probe_fd >= 0) {
		count_probe(drain, go_ns);
	}
	drain->probe_ns = clock_after(now_ns, PROBE_NS);
	drain->probe_fd =
		socket(target->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (drain->probe_fd >= 0 && connect(drain->probe_fd, &target->sa.any, target->sa_len) < 0 &&
		errno != EINPROGRESS) {
		if (errno == EAGAIN) { /* the queue of a UNIX socket is full */
			drain->n_unanswered++;
		} else {
			drain->n_refused++;
			if (drain->refused_ns < 0) {
				drain->refused_ns = (int64_t)(now_ns - go_ns);
			}
		}
		(void)close(drain->probe_fd);
		drain->probe_fd = -1;
	}
}

/* ---- the steps ---- */

void drain_run_init(struct drain_run *drain)
{
	*drain = (struct drain_run){.probe_fd = -1, .refused_ns = -1};
}

void drain_run_step(struct drain_run *drain, const struct options *options, bool are_settled,
	_Atomic uint64_t *go_ns)
{
	int r;

	if (atomic_load(go_ns) != NS_NEVER) {
		(void)reap(drain, WNOHANG);
		try_newcomer(drain, &options->target, atomic_load(go_ns));
		return;
	}
	if (!are_settled) {
		return;
	}
	if (drain->settled_ns == 0) {
		drain->settled_ns = clock_ns();
	}
	if (clock_ns() < clock_after(drain->settled_ns, options->after_ns)) {
		return;
	}
	atomic_store(go_ns, clock_ns());
	r = start_command(options->drain_command, &drain->pid);
	if (r < 0) {
		drain->pid = 0;
		drain->status = r;
	}
}

void drain_run_fini(struct drain_run *drain)
{
	if (drain->probe_fd >= 0) {
		(void)close(drain->probe_fd);
		drain->probe_fd = -1;
	}
	for (unsigned i = 0; i < LAST_LOOKS && !reap(drain, WNOHANG); i++) {
		(void)poll(NULL, 0, LAST_LOOK_MS);
	}
	if (drain->pid != 0) {
		(void)kill(-drain->pid, SIGKILL);
		(void)reap(drain, 0);
	}
}
