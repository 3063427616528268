/* SPDX-License-Identifier: ISC */
/* Threads in which no signal is handled: all are blocked there from the first instruction on. */
#ifndef WEIR_BASE_THREAD_H
#define WEIR_BASE_THREAD_H

#include <pthread.h>

/**
 * Starts a thread that runs `run(owner)`; pthread_join() ends it. Signals go to the threads that
 * were there before, and their masks stay as they are. 0, or a negative errno.
 */
int thread_start(pthread_t *ret_thread, void *(*run)(void *owner), void *owner);

#endif
