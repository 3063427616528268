/* SPDX-License-Identifier: ISC */
#include "load/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"

uint64_t run_n_servers(const struct run *run)
{
	return clock_earlier(atomic_load(&run->n_servers), run->n_servers_max);
}

bool run_clients_are_idle(const struct run *run)
{
	return atomic_load(&run->n_settled) == run->options->n_connections &&
	       atomic_load(&run->n_awaited) == 0;
}

bool run_is_idle(const struct run *run)
{
	return run_clients_are_idle(run) && atomic_load(&run->n_remote_awaited) == 0;
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
