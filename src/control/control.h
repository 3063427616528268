/* SPDX-License-Identifier: ISC */
/*
 * Handles requests to a running weir. They come in through two doors (listening sockets, door.h),
 * and a table has the paths that are answered (weir-http(7)). The door `control` is a UNIX socket
 * and takes every request; the door `http` takes only requests that read.
 *
 *	door ── request ──▶ control.c: the path, split and decoded ──▶ paths.c: the handler
 *	                                                                  │ at once, or later
 *	     ◀──────────────── asked.h: the answer ───────────────────────┘
 *
 * No request delays a pair: long answers are made in slices, and what only the workers know is
 * fetched by orders of the crew. The state of the process, and commands to it, go through struct
 * control_calls.
 */
#ifndef WEIR_CONTROL_CONTROL_H
#define WEIR_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buckets.h"
#include "base/list.h"
#include "control/door.h"
#include "log/level.h"

struct conf;
struct control_drain;
struct control_request;
struct crew;
struct events;
struct groups;
struct inherited;
struct loop;

enum { CONTROL_ENDS_MAX = 32 };

/** A number with a name. */
struct control_count {
	const char *word;
	uint64_t n;
};

/** The state of the process. */
struct control_status {
	/** "running", "drain_grace", "drained", "grace", "draining", "stopping". */
	const char *state;
	bool is_ready; /**< load balancers should send new clients here */
	bool is_stopping;
	uint64_t left_ns;  /**< until the grace is over, or the last pair is ended; or NS_NEVER */
	bool is_drained;   /**< drained by hand, and not stopping */
	uint64_t grace_ns; /**< the grace of that drain */
	bool ends_pairs;   /**< whether that drain ends the open pairs */
	uint64_t generation;
	uint64_t uptime_ns;
	size_t n_workers;
	size_t n_listeners;
	size_t n_usable; /**< servers that take new pairs */
	size_t n_servers;
	uint32_t n_pairs;
	uint32_t max_pairs;
	uint64_t n_half_closed;
	uint64_t n_accepted;
	struct control_count ended[CONTROL_ENDS_MAX]; /**< by reason */
	size_t n_ended;
	time_t reloaded_at; /**< 0: never */
	bool reload_failed;
	uint64_t n_reloads_ok;
	uint64_t n_reloads_failed;
	bool has_p99;    /**< a timer has expired, so that p99_us is known */
	uint64_t p99_us; /**< 99th percentile of how late timers have expired */
};

struct control_calls {
	void (*status)(void *owner, struct control_status *ret_status);
	/** Reloads. Answers later by request->done(); `ok` means that the new config is in
	 * force. */
	void (*reload)(void *owner, struct control_request *request);
	/** Drains, or undoes that. Answers later by ask->request.done(); `ok` means that it is
	 * done. */
	void (*drain)(void *owner, struct control_drain *ask);
	/** Sets the level of the log until the next such call. Levels in configs have no effect
	 * meanwhile. */
	void (*tell_level)(void *owner, enum log_level level);
	/** Returns the config in force, borrowed. */
	const struct conf *(*conf)(void *owner);
};

struct control_opts {
	struct loop *loop; /**< the main one */
	struct crew *crew;
	struct groups *groups;
	const struct inherited *inherited; /**< the sockets that accept even during a drain */
	struct control_calls calls;
	void *owner; /**< passed to the calls */
};

struct control {
	struct control_opts opts;
	struct door door;   /**< `control`: takes every request */
	struct door shown;  /**< `http`: takes only requests that read */
	bool has_next_door; /**< prepared */
	bool has_next_shown;
	time_t opened_at;
	struct buckets slices;     /**< the processor time of each slice of an answer */
	struct list asked;         /* struct control_asked::link */
	struct list pairs;         /* struct control_pairs::link */
	struct list pairs_waiting; /* struct control_pairs::waits: they wait for the workers */
	bool has_pairs_order;      /**< the workers have an order for one of them */
	struct events *events;     /**< for events.c; NULL: there are no followers */
};

/** Why a door could not be opened. */
struct control_failure {
	const char *key; /**< the key in the config */
	char address[ADDR_TEXT_MAX];
	int err;
	const char *remedy;
};

/** How many fds the doors of a config need at most. */
size_t control_fds(const struct conf *conf);

/** Sets it up, without open doors. */
void control_open(struct control *control, const struct control_opts *opts);

/**
 * Opens the doors of a config, all or none, beside those that are open, but accepts no clients
 * there yet. 0: control_commit() or control_cancel() must follow. Or a negative errno and
 * *ret_failure: then nothing has changed, except that a socket whose path was removed may be
 * closed. If only the default control socket cannot be opened, that is a warning
 * (event=control_failed), and weir reloads only by SIGHUP. The config must stay valid until another
 * one is committed.
 */
int control_prepare(
	struct control *control, const struct conf *conf, struct control_failure *ret_failure);
void control_commit(struct control *control);
void control_cancel(struct control *control);

/** Listens again if the path of a socket was removed, also if an earlier call could not. If the
 * default control socket could not be opened when the config was committed, this does not try it
 * again; a reload does. */
void control_renew(struct control *control);

/** Lets the next weir take over the paths while this one still listens (listen_yield()). */
void control_yield(struct control *control);

/** Closes the doors and all connections. Clients that follow the events get the remaining ones and
 * the end of their answers; other requests under way get no answer. Idempotent, also on zeroed
 * memory. */
void control_close(struct control *control);

#endif
