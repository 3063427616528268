/* SPDX-License-Identifier: ISC */
/* The inside of a connector, shared by connector.c (which address, when) and attempt.c (one of
 * them). */
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
	CONNECTING, /* each attempt awaits its stream's connect(2): `connected` defers `ended` */
	QUEUEING,   /* `fd` is asked again when the timer strikes */
	OVER,       /* done() was called */
};

/** One address that is being tried. */
struct attempt {
	struct list link; /* struct connector::attempts */
	struct connector *connector;
	struct handler connected; /* of `stream`, once: defers `ended` */
	struct task ended;
	struct stream *stream;
	uint64_t begin_ns;
	uint64_t deadline_ns;
	const struct sockaddr *sa;
	socklen_t sa_len;
	union resolver_address address; /* what sa points to, unless that is opts.addr */
};

/** What only a name needs. */
struct lookup_state {
	struct resolver_query query;
	bool begun;
	uint64_t begin_ns;
	uint64_t deadline_ns;
	union resolver_address last; /* what `last` points to */
};

struct connector {
	struct connector_opts opts;
	enum state state : 8;
	bool is_name; /**< has a lookup */
	bool forbidden;
	int fd; /**< QUEUEING only, else -1 */
	struct task step;
	struct timer timer;   /**< what comes first: a deadline, the next attempt, the next try */
	struct list attempts; /* struct attempt::link, the oldest first */
	unsigned n_under_way; /**< attempts */
	unsigned n_tried;     /**< addresses of the name, or the one address */
	unsigned n_spares;    /**< fds of opts.spare_fds */
	uint64_t next_ns;     /**< when another attempt may begin */
	uint64_t retry_ns;    /**< the pause before the next try */
	uint64_t late_ns;     /**< of the last attempt, if it timed out */
	struct connector_attempt last;
	struct attempt first; /**< most need no other; its link is on no list when it is free */
	struct lookup_state lookup[]; /**< one of a name, none of an address */
};

/** Whether one attempt more may be under way; takes a spare fd where it needs one. */
bool attempt_take_room(struct connector *connector);

/** Gives back the spare fds that what is under way does not need. */
void attempt_give_spares(struct connector *connector);

/** A new one, the youngest; NULL: no memory, but never for the first. */
struct attempt *attempt_add(struct connector *connector);

/** Calls connect(2). 1: connected; 0: under way; or a negative errno. */
int attempt_begin(struct attempt *attempt);

/** QUEUEING: calls connect(2) again. As attempt_begin(). */
int attempt_repeat(struct attempt *attempt);

/** Whether connect(2) has ended although its event was not served yet, as after a long starvation.
 */
bool attempt_has_ended(const struct attempt *attempt);

/** How connect(2) ended: 0 or a negative errno. */
int attempt_status(const struct attempt *attempt);

/** Resets the connection, if there is one, and frees. */
void attempt_drop(struct attempt *attempt);

/** connector.c: connect(2) has ended. */
void attempt_on_ended(struct task *task);

#endif
