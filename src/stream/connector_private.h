/* SPDX-License-Identifier: ISC */
/*
 * The inside of a connector, shared by connector.c (which address is tried, and when) and attempt.c
 * (one address).
 */
#ifndef WEIR_STREAM_CONNECTOR_PRIVATE_H
#define WEIR_STREAM_CONNECTOR_PRIVATE_H

#include "stream/connector.h"
#include "stream/emitter.h"
#include "stream/loop.h"
#include "stream/resolver.h"
#include "stream/timer.h"

enum state {
	STARTING,   /* `step` is deferred */
	RESOLVING,  /* `query` is open */
	CONNECTING, /* each attempt waits for its connect(2): `connected` defers `ended` */
	QUEUEING,   /* `fd` is tried again when the timer expires */
	OVER,       /* done() was called */
};

/** One address that is being tried. */
struct attempt {
	struct list link; /* struct connector::attempts */
	struct connector *connector;
	struct handler connected; /* of `stream`, called once: defers `ended` */
	struct task ended;
	struct stream *stream;
	uint64_t begin_ns;
	uint64_t deadline_ns;
	const struct sockaddr *sa;
	socklen_t sa_len;
	union resolver_address address; /* sa points here, or into opts.addr */
};

/** What only a connector with a name needs. */
struct lookup_state {
	struct resolver_query query;
	bool begun;
	uint64_t begin_ns;
	uint64_t deadline_ns;
	union resolver_address last; /* connector::last.sa points here */
};

struct connector {
	struct connector_opts opts;
	enum state state : 8;
	bool is_name; /**< opts.addr is a name: there is a `lookup` */
	bool forbidden;
	int fd; /**< QUEUEING only, else -1 */
	struct task step;
	/** Expires at the earliest of: a deadline, the start of the next attempt, the next retry.
	 */
	struct timer timer;
	struct list attempts; /* struct attempt::link, the oldest first */
	unsigned n_under_way; /**< attempts in progress */
	unsigned n_tried;     /**< addresses tried so far */
	unsigned n_spares;    /**< fds taken from opts.spare_fds */
	uint64_t next_ns;     /**< when another attempt may begin; QUEUEING: the next retry */
	uint64_t retry_ns;    /**< the pause before the next retry */
	uint64_t late_ns;     /**< of the last attempt, if it timed out */
	struct connector_attempt last;
	/** The first attempt; most connectors need no other. While it is unused, its link is on no
	 * list. */
	struct attempt first;
	struct lookup_state lookup[]; /**< one element for a name, none for an address */
};

/** Whether one more attempt may be in progress. Takes a spare fd if it needs one. */
bool attempt_take_room(struct connector *connector);

/** Gives back the spare fds that the attempts in progress do not need. */
void attempt_give_spares(struct connector *connector);

/** Adds an attempt at the end. NULL: no memory; this cannot happen for the first one. */
struct attempt *attempt_add(struct connector *connector);

/** Calls connect(2). 1: connected; 0: in progress; or a negative errno. */
int attempt_begin(struct attempt *attempt);

/** In state QUEUEING: calls connect(2) again. Returns what attempt_begin() returns. */
int attempt_repeat(struct attempt *attempt);

/**
 * Whether connect(2) has ended although the loop has not handled its event yet, as when the process
 * was not scheduled for long.
 */
bool attempt_has_ended(const struct attempt *attempt);

/** How connect(2) ended: 0 or a negative errno. */
int attempt_status(const struct attempt *attempt);

/** Resets the connection, if there is one, and frees. */
void attempt_drop(struct attempt *attempt);

/** connector.c: connect(2) has ended. */
void attempt_on_ended(struct task *task);

#endif
