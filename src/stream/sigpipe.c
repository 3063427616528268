/* SPDX-License-Identifier: ISC */
/*
 * write(2) sends SIGPIPE to the thread that calls it. If the thread blocks the signal first, the
 * signal is pending after the call, and the thread can consume it.
 */
#include "stream/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

bool sigpipe_is_ignored(void)
{
	struct sigaction action;

	return sigaction(SIGPIPE, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
	       action.sa_handler == SIG_IGN;
}

/** Consumes the signal that is pending for this thread. */
static void take(const sigset_t *set)
{
	static const struct timespec now;

	while (sigtimedwait(set, NULL, &now) < 0 && errno == EINTR) {
	}
}

ssize_t sigpipe_write(int fd, const void *data, size_t len)
{
	sigset_t set;
	sigset_t before;
	sigset_t pending;
	bool waits = false; /* a SIGPIPE of the program was pending before */
	ssize_t n;
	int err;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	err = pthread_sigmask(SIG_BLOCK, &set, &before);
	if (err != 0) {
		errno = err;
		return -1;
	}
	if (sigismember(&before, SIGPIPE) == 1 && sigpending(&pending) == 0) {
		waits = sigismember(&pending, SIGPIPE) == 1;
	}
	n = write(fd, data, len);
	err = errno;
	if (n < 0 && err == EPIPE && !waits) {
		take(&set);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return n;
}
