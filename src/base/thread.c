/* SPDX-License-Identifier: ISC */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

int thread_start(pthread_t *ret_thread, void *(*run)(void *owner), void *owner)
{
	sigset_t all;
	sigset_t before;
	int r;

	/* The new thread inherits the mask; setting it in the thread would be too late. */
	(void)sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	assert(r == 0);
	r = pthread_create(ret_thread, NULL, run, owner);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

void thread_wait(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0) {
		assert(errno == EINTR);
	}
}
