/* SPDX-License-Identifier: ISC */
/*
 * A run consists of lanes (each a thread with an event loop), connections, and the main thread,
 * which starts, watches and ends it.
 *
 *	main	starts the lanes, and every 50 ms, near the end every 5 ms, handles progress,
 *		memory, signals, the time of the last bytes (script::go) and the end
 *	lane	opens every n-th connection, so that all n lanes together keep the rate of --ramp,
 *		accepts its share of the server ends, and measures how late its own loop is
 *
 * The main thread and the lanes share atomic fields. The main thread posts tasks to the lanes
 * (lane::go, lane::stop); the lanes post none to it. When run_all() returns, only the caller's
 * thread is left, and everything can be read.
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
#include "load/drain_run.h"
#include "load/options.h"
#include "load/verdict.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/timer.h"

struct acceptor;
struct conn;
struct remote;
struct run;

struct lane {
	struct run *run;
	unsigned index;
	pthread_t thread;
	struct loop *loop;
	struct timer ramp;      /**< opens the connections that are due */
	struct timer heartbeat; /**< measures how late this loop is */
	uint64_t beat_ns;       /**< when the heartbeat is due */
	uint64_t stall_ns;      /**< the worst of the latest delays */
	uint64_t stalled_ns;    /**< when that ended; 0: there was none */
	struct task go;
	struct task stop;
	struct listen_socket socket; /**< --serve */
	struct acceptor *acceptor;
	struct conn *servers; /**< its server ends, linked by conn::next_server */
	struct conn *spent;  /**< ends that are over and to be closed, linked by conn::next_spent */
	bool has_new_spent;  /**< some ended in this turn */
	struct task tidy;    /**< closes the spent ends */
	uint64_t next;       /**< the next connection to open */
	int status;          /**< 0 or the negative errno of its setup */
	uint64_t n_received; /**< scenarios mixed and drain: messages that came back */
	struct hdr late;     /**< us: lateness of the clients' closes */
	struct hdr connect;  /**< us: from connect(2) to connected */
	struct hdr failed;   /**< us: from connect(2) to its failure */
	struct hdr latency;  /**< us: how long each message took, there and back */
	/** How long the slowest message took, this loop's own delay included. Messages that are
	 * over --max-latency only because of that delay are left out. */
	uint64_t slowest_ns;
	struct hdr delay; /**< us: lateness of this loop */
};

struct run {
	const struct options *options;
	struct lane *lanes;
	struct conn *clients; /**< n_connections */
	struct conn *servers; /**< n_servers_max */
	uint64_t n_servers_max;
	sem_t set_up;     /**< posted by each lane whose setup has succeeded or failed */
	sem_t begin;      /**< posted for each lane when all have posted set_up; see `aborted` */
	unsigned n_lanes; /**< lanes whose threads run */
	/** A byte in the tokens of this run: the first bytes that an end sends, which show the
	 * other side which end it is (conn_private.h). */
	uint8_t nonce;
	bool aborted; /**< a lane could not be set up */
	/** The run is ending. A close that is seen now is not judged, because weirload itself may
	 * have closed the other end. */
	atomic_bool stopping;
	uint64_t began_ns; /**< when the ramp began */
	uint64_t ended_ns; /**< when the lanes had ended */
	/** When the first of the last bytes is due (script::go), or when the drain began; NS_NEVER:
	 * not yet. */
	_Atomic uint64_t go_ns;
	_Atomic uint64_t n_servers; /**< server ends made */
	/** Connections beyond n_servers_max, and those whose first 8 bytes are no token of this
	 * run, or are a token that was read before. A connection from which fewer than 8 bytes
	 * were read is not counted. */
	_Atomic uint64_t n_strangers;
	_Atomic uint64_t n_opened;
	_Atomic uint64_t n_begun;   /**< connects that were tried */
	_Atomic uint64_t n_settled; /**< opened or failed */
	/** Ends by enum load_side and enum verdict, counted during the run. */
	_Atomic uint64_t n_verdicts[2][VERDICTS];
	_Atomic uint64_t n_over; /**< clients that ended */
	/** Ends that have not ended, of those for which the run waits: all clients but those that
	 * last (script::is_lasting), and the server ends that are judged, once it is known that
	 * they belong to this run. A serving end (--remote) whose ends send first cannot know that,
	 * so there it waits for all of them. */
	_Atomic uint64_t n_awaited;
	_Atomic uint64_t n_servers_over; /**< server ends that ended */
	uint64_t memory_before;          /**< bytes resident, before the first connection */
	uint64_t memory_peak;
	int signal; /**< the signal that ended the run; 0: none */
	struct about about;
	struct blackhole blackhole;
	/** The connection to the serving end: with --remote, another weirload process, which has
	 * the server ends. malloc'd; NULL: there is none. */
	struct remote *remote;
	/** n_awaited of the serving end, as last fetched; plus 1 if run_clients_are_idle() was
	 * false just before, because then that number may still grow. 1 before the first fetch; 0
	 * without --remote. */
	_Atomic uint64_t n_remote_awaited;
	uint64_t remote_delay_us;  /**< the worst delay of the serving end's loop */
	_Atomic uint64_t n_placed; /**< scenario queue: clients that have a place */
	/** When the first of the clients that scenario::gate has delayed is opened; the others
	 * follow at the rate of --ramp. 0: not yet, or there is no gate. */
	_Atomic uint64_t gate_ns;
	struct drain_run drain;
	uint64_t n_untried; /**< 1: the proxy has not tried to connect to the black hole */
	/** The `why` of run_none(); "": the run has begun, or `signal` came before that. */
	char failure[OPTIONS_WHY_MAX];
};

/**
 * A process may do several runs, one after the other, each with a struct run of its own. run_fini()
 * leaves nothing of a run behind, except that SIGINT and SIGTERM stay blocked and RLIMIT_NOFILE
 * stays raised. No run ends the process.
 *
 * Sets up, runs to the end, and leaves the results in *run. 0, or a negative errno and ret_why (of
 * OPTIONS_WHY_MAX): the run could not begin, or the serving end was lost during it, and *run has no
 * results. The caller calls run_fini() in any case.
 */
int run_all(struct run *run, const struct options *options, char *ret_why);
void run_fini(struct run *run);

/**
 * The same in two steps, for callers that watch the run themselves: the lanes run from run_start()
 * to run_stop(). If run_start() fails, run_stop() is not needed. The caller calls run_fini() in any
 * case.
 */
int run_start(struct run *run, const struct options *options, char *ret_why);
void run_stop(struct run *run);

/** How many elements of run::servers are in use. */
uint64_t run_n_servers(const struct run *run);

/**
 * Makes the results of a run that could not begin, or that lost its serving end, so that it can be
 * reported like others. The reason is `why` or, if that is NULL, the pending signal. 0 or -ENOMEM.
 * The caller calls run_fini() in any case.
 */
int run_none(struct run *run, const struct options *options, const char *why);

/**
 * Blocks SIGINT and SIGTERM, and returns an fd that becomes readable when one is pending, or a
 * negative errno. Threads that start later inherit the signal mask. Runs do not consume the
 * signals, so that all runs of this process see them.
 */
int run_open_signals(void);

/** The signal that is pending; 0: none. */
int run_pending_signal(void);

/**
 * lane.c: starts the lane's thread, which sets up, posts run::set_up, and waits for run::begin. 0
 * or a negative errno.
 */
int lane_start(struct lane *lane);

/**
 * How late an event that is read at `now_ns` may be because of this loop's own delay: the worst
 * delay of the last 100 ms or, if that is more, the time by which its heartbeat is overdue. On the
 * lane's thread.
 */
uint64_t lane_delay_ns(const struct lane *lane, uint64_t now_ns);

/** Whether all connections were opened or have failed, and all ends in this process for which the
 * run waits are over. Any thread. */
bool run_clients_are_idle(const struct run *run);

/** The same for all ends, also those of a serving end (--remote): the run waits for no more closes.
 * Any thread. */
bool run_is_idle(const struct run *run);

/** Calls conn_close() after a turn of the loop in which this was not called, or when the run stops.
 * On the lane's thread. */
void lane_close_later(struct lane *lane, struct conn *conn);

#endif
