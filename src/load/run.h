/* SPDX-License-Identifier: ISC */
/*
 * A run: the lanes (a thread with a loop each), the connections, and the main thread that opens,
 * watches and ends it.
 *
 *	main	starts the lanes, ticks every 50 ms: progress, memory, the go, the end, signals
 *	lane	opens every n-th connection at the pace of --ramp, accepts its part of the server
 *		ends, and measures how late its own loop is
 *
 * The main thread and the lanes share what is atomic, and tasks that are posted. When run_all()
 * returns, only the caller's thread is left, and everything can be read.
 */
#ifndef WEIR_LOAD_RUN_H
#define WEIR_LOAD_RUN_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hdr.h"
#include "load/about.h"
#include "load/blackhole.h"
#include "load/conn.h"
#include "load/drain_run.h"
#include "load/options.h"
#include "load/remote.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct acceptor;
struct run;

struct lane {
	struct run *run;
	unsigned index;
	pthread_t thread;
	struct loop *loop;
	struct timer ramp;      /**< opens what is due */
	struct timer heartbeat; /**< measures this loop */
	uint64_t beat_ns;       /**< when it is due */
	uint64_t stall_ns;      /**< the worst of the latest delays */
	uint64_t stalled_ns;    /**< when that ended; 0: there was none */
	struct task go;
	struct task stop;
	struct listen_socket socket; /**< --serve */
	struct acceptor *acceptor;
	struct conn *servers; /**< its server ends: conn::next_server */
	struct conn *spent;   /**< ends that are over and to be closed: conn::next_spent */
	bool has_new_spent;   /**< some ended in this turn */
	struct task tidy;     /**< closes them */
	uint64_t next;        /**< the next connection to open */
	int status;           /**< of setting it up */
	uint64_t n_received;  /**< mixed: messages that came back */
	struct hdr late;      /**< us: lateness of the clients' closes */
	struct hdr late_server;
	struct hdr connect;  /**< us: from connect(2) to connected */
	struct hdr failed;   /**< us: from connect(2) to its failure */
	struct hdr latency;  /**< us: of the busy share's messages */
	uint64_t slowest_ns; /**< of them, but for those that were slow by this loop's own delay */
	struct hdr delay;    /**< us: lateness of this loop */
};

struct run {
	const struct options *options;
	struct lane *lanes;
	struct conn *clients; /**< n_connections */
	struct conn *servers; /**< n_servers_max */
	uint64_t n_servers_max;
	sem_t set_up;                 /**< each lane that has set up, or failed to */
	sem_t begin;                  /**< for each lane, when all have: see aborted */
	unsigned n_lanes;             /**< whose threads run */
	uint8_t nonce;                /**< of this run's tokens */
	bool aborted;                 /**< a lane could not be set up */
	atomic_bool stopping;         /**< the lanes close what is open: no peer did */
	uint64_t began_ns;            /**< the ramp's zero */
	uint64_t ended_ns;            /**< by the main thread, when the lanes have ended */
	_Atomic uint64_t go_ns;       /**< NS_NEVER before all are open; drain: it begins */
	_Atomic uint64_t n_servers;   /**< server ends made */
	_Atomic uint64_t n_strangers; /**< accepted beyond that, or with no token of ours */
	_Atomic uint64_t n_opened;
	_Atomic uint64_t n_begun;   /**< connects that were tried */
	_Atomic uint64_t n_settled; /**< opened or failed */
	/** Ends by enum load_side and enum verdict, while it runs. */
	_Atomic uint64_t n_verdicts[2][VERDICTS];
	_Atomic uint64_t n_over;         /**< clients that ended */
	_Atomic uint64_t n_awaited;      /**< judged ends that have not ended */
	_Atomic uint64_t n_servers_over; /**< server ends that ended */
	uint64_t memory_before;          /**< bytes resident, before the first connection */
	uint64_t memory_peak;
	int signal; /**< that ended the run; 0: none */
	struct about about;
	struct blackhole blackhole;
	struct remote remote;
	_Atomic uint64_t n_remote_awaited; /**< n_awaited of the serving end, as far as known */
	uint64_t remote_delay_us;          /**< how late its loop was, at worst */
	_Atomic uint64_t n_placed;         /**< queue: who has got a place */
	_Atomic uint64_t gate_ns; /**< when the first was opened that scenario::gate kept; 0 */
	struct drain_run drain;
	uint64_t n_untried;            /**< 1: nobody has tried to connect to the black hole */
	char failure[OPTIONS_WHY_MAX]; /**< why it could not begin; "" of one that has */
};

/**
 * Several runs may follow each other in one process, each with a struct run of its own: nothing
 * of one is left after run_fini(), but that SIGINT and SIGTERM stay blocked, and that the limit of
 * open files was raised. None ends the process.
 *
 * Sets up, runs to the end, and leaves the results in *run. 0, or a negative errno and ret_why (of
 * OPTIONS_WHY_MAX) when nothing was measured. run_fini() afterwards, in any case.
 */
int run_all(struct run *run, const struct options *options, char *ret_why);
void run_fini(struct run *run);

/**
 * The same in two steps, for who watches it himself: from run_start() on the lanes run. If that
 * fails, run_stop() is not needed; run_fini() afterwards, in any case.
 */
int run_start(struct run *run, const struct options *options, char *ret_why);
void run_stop(struct run *run);

/** How many server ends have a place. */
uint64_t run_n_servers(const struct run *run);

/** Waits for a semaphore, whatever signals come. */
void run_wait(sem_t *semaphore);

/**
 * A run that has not begun, to be told as if it had: because of `why`, or, where that is NULL, of a
 * signal that is pending. 0 or -ENOMEM. run_fini() afterwards, in any case.
 */
int run_none(struct run *run, const struct options *options, const char *why);

/**
 * SIGINT and SIGTERM as a file that can be read when one has come; threads to come inherit that
 * they are blocked. Runs leave them unread, so that all runs of this process see them.
 */
int run_open_signals(void);

/** The one that has come, and was not read; 0: none. */
int run_pending_signal(void);

/**
 * lane.c: starts the lane's thread, which sets up, posts run::set_up, and waits for run::begin. 0
 * or a negative errno.
 */
int lane_start(struct lane *lane);

/**
 * How late what is read at `now_ns` may be by this loop's own delay: the worst of the last 100 ms,
 * or as long as its heartbeat is overdue. On its thread.
 */
uint64_t lane_delay_ns(const struct lane *lane, uint64_t now_ns);

/** Whether all clients that are waited for are over. Any thread. */
bool run_clients_are_idle(const struct run *run);

/** Whether no close is waited for any more: only ends that last are still open. Any thread. */
bool run_is_idle(const struct run *run);

/** Calls conn_close() when no other end has come in a turn, or the run stops. On its thread. */
void lane_close_later(struct lane *lane, struct conn *conn);

#endif
