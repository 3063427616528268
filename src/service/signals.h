/* SPDX-License-Identifier: ISC */
/*
 * Signals, from the first instruction to the last. Those that shall end weir end it, and no others,
 * whatever the program that starts it has left blocked, ignored or pending.
 *
 *	signals_hold() ──▶ the command line ──▶ signals_start() ──▶ config ──▶ signals_open()
 *	  all wait               │                SIGTERM: exit 0                all are events
 *	                         └──▶ signals_release(): --check and --reload end like any program
 *
 * SIGTERM, SIGINT, SIGQUIT and SIGHUP are events of the main loop: blocked in every thread and read
 * from a signalfd; what they mean is the caller's business. So are all others that would end the
 * process: they are ignored, and told. Faults (SIGSEGV and the like), SIGABRT and those that stop
 * and continue a process do what they always do.
 */
#ifndef WEIR_SERVICE_SIGNALS_H
#define WEIR_SERVICE_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#include "stream/loop.h"

enum {
	SIGNALS_MAX = 65,      /**< numbers of signals, from 0 */
	SIGNALS_NAME_MAX = 16, /**< "RTMIN+30" */
};

struct signals {
	struct watcher watcher;
	struct loop *loop; /**< NULL: not open */
	int fd;
	/** One came. On the loop's thread; those that came while one was pending have merged. */
	void (*came)(struct signals *signals, int number);
	uint64_t told_ns[SIGNALS_MAX]; /**< when one that is ignored was told last */
};

/** First of all in main(): from now on all signals wait, and SIGPIPE is ignored. */
void signals_hold(sigset_t *ret_before);

/** What signals_hold() changed of the mask is as it was: one that waited strikes. */
void signals_release(const sigset_t *before);

/**
 * While the config is read, which may wait for a file system: the signals that stop end the process
 * with EXIT_CODE_OK, the others wait. SIGCHLD has its default again, or the end of a child could
 * not be waited for.
 */
void signals_start(void);

/** Blocks and watches them. 0 or a negative errno. Threads that start later inherit the mask. */
int signals_open(struct signals *signals, struct loop *loop,
	void (*came)(struct signals *signals, int number));

/** Stops watching; they stay blocked. Idempotent, also on zeroed memory. */
void signals_close(struct signals *signals);

/**
 * For a child of ours: `systemctl kill -s HUP` goes to every process of the service, and means
 * weir, so it has all of them blocked but those that stop; and SIGPIPE at its default.
 */
void signals_of_child(sigset_t *ret_blocked, sigset_t *ret_default);

#endif
