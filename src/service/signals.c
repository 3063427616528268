/* SPDX-License-Identifier: ISC */
#include "service/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_signal(struct watcher *watcher, uint32_t events)
{
	struct signals *signals = container_of(watcher, struct signals, watcher);
	struct signalfd_siginfo info;

	(void)events;
	while (read(signals->fd, &info, sizeof(info)) == sizeof(info)) {
		signals->came(signals, (int)info.ssi_signo);
	}
}

int signals_open(struct signals *signals, struct loop *loop,
	void (*came)(struct signals *signals, int number))
{
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGHUP);
	r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r < 0) {
		return r;
	}
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0) {
		return -errno;
	}
	signals->watcher.ready = on_signal;
	signals->came = came;
	r = loop_watch(loop, signals->fd, &signals->watcher);
	if (r < 0) {
		close(signals->fd);
		return r;
	}
	signals->loop = loop;
	return 0;
}

void signals_close(struct signals *signals)
{
	if (signals->loop == NULL) {
		return;
	}
	close(signals->fd);
	loop_forget(signals->loop, &signals->watcher);
	signals->loop = NULL;
}
