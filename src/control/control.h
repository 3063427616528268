/* SPDX-License-Identifier: ISC */
/*
 * Requests to a running weir: its two doors, and the table of the paths that they answer
 * (weir-http(7)). `control` is a UNIX socket that takes every request; `http` only shows.
 *
 *	door ── request ──▶ control.c: the path, split and decoded ──▶ paths.c: who answers
 *	                                                                  │ at once, or later
 *	     ◀──────────────── asked.h: the answer ───────────────────────┘
 *
 * No request disturbs a pair: lists are made in slices, and the crew's orders fetch what only the
 * workers know. What the process is and does comes through the calls below.
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

/** A count by a word. */
struct control_count {
	const char *word;
	uint64_t n;
};

/** What the process says of itself. */
struct control_status {
	/** "running", "drain_grace", "drained", "grace", "draining", "stopping". */
	const char *state;
	bool is_ready; /**< new clients are wanted here */
	bool is_stopping;
	uint64_t left_ns;  /**< of the state; NS_NEVER: it has no end */
	bool is_drained;   /**< by hand, and not stopping */
	uint64_t grace_ns; /**< of that drain, and whether it ends the open pairs: */
	bool ends_pairs;
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
	bool has_p99; /**< a timer has struck */
	uint64_t p99_us;
};

struct control_calls {
	void (*status)(void *owner, struct control_status *ret_status);
	/** Answers by request->done(), later; ok: the new config is in force. */
	void (*reload)(void *owner, struct control_request *request);
	/** Answers by ask->request.done(), later; ok: it is so. */
	void (*drain)(void *owner, struct control_drain *ask);
	/** Sets the level of the log until it is told another, whatever configs say. */
	void (*tell_level)(void *owner, enum log_level level);
	/** The config in force, borrowed. */
	const struct conf *(*conf)(void *owner);
};

struct control_opts {
	struct loop *loop; /**< the main one */
	struct crew *crew;
	struct groups *groups;
	const struct inherited *inherited; /**< what goes on accepting while it is drained */
	struct control_calls calls;
	void *owner; /**< for the calls */
};

struct control {
	struct control_opts opts;
	struct door door;   /**< `control`: everything */
	struct door shown;  /**< `http`: what can be looked at */
	bool has_next_door; /**< prepared */
	bool has_next_shown;
	time_t opened_at;
	struct buckets slices;     /**< the processor time of what answers at a time */
	struct list asked;         /* struct control_asked::link */
	struct list pairs;         /* struct control_pairs::link */
	struct list pairs_waiting; /* struct control_pairs::waits: for the workers */
	bool has_pairs_order;      /**< one of them is under way there */
	struct events *events;     /**< events.c's; NULL: nobody follows */
};

/** Why a door cannot be had. */
struct control_failure {
	const char *key; /**< in the config */
	char address[ADDR_TEXT_MAX];
	int err;
	const char *remedy;
};

/** How many fds the doors of a config take at most. */
size_t control_fds(const struct conf *conf);

/** Sets it up; nobody is let in yet. */
void control_open(struct control *control, const struct control_opts *opts);

/**
 * Opens the doors of a config, all or none, beside those that are open, and lets nobody in yet. 0,
 * or a negative errno and *ret_failure. That the default control socket cannot be had is a warning
 * (event=control_failed): then weir reloads by SIGHUP alone. The config must stay until another one
 * is committed.
 */
int control_prepare(
	struct control *control, const struct conf *conf, struct control_failure *ret_failure);
void control_commit(struct control *control);
void control_cancel(struct control *control);

/** Listens anew where somebody removed a socket's path, or where weir could not listen before. */
void control_renew(struct control *control);

/** While it goes on listening, the next weir may take the path over (listen_yield()). */
void control_yield(struct control *control);

/** Closes it, and every client unanswered. Idempotent, also on zeroed memory. */
void control_close(struct control *control);

#endif
