/* SPDX-License-Identifier: ISC */
/*
 * Handles signals, from the first instruction of the program to the last. Only those signals end
 * weir that are meant to, whichever signals its parent has left blocked, ignored or pending.
 *
 *	signals_hold() ──▶ the command line ──▶ signals_start() ──▶ config ──▶ signals_open()
 *	  they are blocked       │                SIGTERM: exit 0                all are events
 *	                         └──▶ signals_release(): for --check and --reload, the old mask
 *
 * SIGTERM, SIGINT, SIGQUIT and SIGHUP are events of the main loop: they are blocked in every thread
 * and read from a signalfd, and the caller decides what they do. All other signals whose default is
 * to end the process, and SIGTTIN and SIGTTOU, are read in the same way, but weir only logs them.
 * Faults (SIGSEGV and the like), SIGABRT, SIGTSTP and SIGCONT keep their defaults. SIGPIPE is
 * ignored.
 */
#ifndef WEIR_SERVICE_SIGNALS_H
#define WEIR_SERVICE_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#include "stream/loop.h"

enum {
	SIGNALS_MAX = 65,      /**< signal numbers are below this */
	SIGNALS_NAME_MAX = 16, /**< "RTMIN+30" */
};

struct signals {
	struct watcher watcher;
	struct loop *loop; /**< NULL: not open */
	int fd;
	/** A signal has come. Called on the loop's thread. Signals of the same number that arrive
	 * before the first is read count as one. */
	void (*came)(struct signals *signals, int number);
	uint64_t told_ns[SIGNALS_MAX]; /**< when an ignored signal was last logged */
};

/** Call it first in main(): blocks all signals that weir reads, so that they stay pending, unblocks
 * all others, and ignores SIGPIPE. *ret_before is the mask before that. */
void signals_hold(sigset_t *ret_before);

/** Restores the signal mask that signals_hold() has changed; signals that are pending are
 * delivered. */
void signals_release(const sigset_t *before);

/**
 * Call it before the config is read, which may block in a file system: SIGTERM, SIGINT and SIGQUIT
 * end the process with EXIT_CODE_OK, the others stay pending. SIGCHLD gets its default action,
 * because otherwise waitpid(2) could fail.
 */
void signals_start(void);

/** Blocks the signals and reads them from now on. 0 or a negative errno. Threads that start later
 * inherit the mask. */
int signals_open(struct signals *signals, struct loop *loop,
	void (*came)(struct signals *signals, int number));

/** Stops reading the signals; they stay blocked. Idempotent, also on zeroed memory. */
void signals_close(struct signals *signals);

/**
 * The signal mask and the defaults for a child of weir. `systemctl kill -s HUP` sends the signal to
 * every process of the service but is meant for weir. So a child blocks all signals that weir
 * reads, except SIGTERM, SIGINT and SIGQUIT. SIGPIPE has its default action.
 */
void signals_of_child(sigset_t *ret_blocked, sigset_t *ret_default);

#endif
