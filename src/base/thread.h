/* SPDX-License-Identifier: ISC */
/*
 * Starts threads that handle no signals (all signals are blocked from their first instruction on),
 * and waits for other threads.
 */
#ifndef WEIR_BASE_THREAD_H
#define WEIR_BASE_THREAD_H

#include <pthread.h>
#include <semaphore.h>

/**
 * Starts a thread that runs `run(owner)`; end it with pthread_join(). Signals still go to the other
 * threads, whose masks do not change. 0, or a negative errno.
 */
int thread_start(pthread_t *ret_thread, void *(*run)(void *owner), void *owner);

/** Waits for a semaphore, and goes on waiting when a signal was handled meanwhile. */
void thread_wait(sem_t *semaphore);

#endif
