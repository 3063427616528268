/* SPDX-License-Identifier: ISC */
/*
 * An offer holds all that the sessions of one listener need from one config. It is a copy, so that
 * an open pair keeps the offer in memory and not the whole config.
 *
 *	generation ──▶ offer of each listener ──▶ limit: one for each name, in all generations
 *	                  │        └────────────▶ targets: groups, by name, and their plans here
 *	                  └── terms of worker 0, terms of worker 1, ...
 *	                         ▲
 *	                         └── its sessions and listening sockets
 *
 * An offer is reference-counted and, but for the terms, immutable. It lives until its generation is
 * freed and no session, no listening socket and no connection on its way to another worker has
 * terms of it. Each worker counts its own users in its terms, without atomics, and holds one
 * reference while there are any.
 */
#ifndef WEIR_PROXY_OFFER_H
#define WEIR_PROXY_OFFER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/refs.h"
#include "base/sockopts.h"
#include "proxy/access.h"
#include "proxy/routes.h"
#include "proxy/session_clock.h"
#include "proxy/side.h"
#include "proxy/source.h"

struct conf_listener;
struct group;
struct group_plan;
struct limit;
struct offer;
struct part;
struct proxy_shared;

enum { TERMS_ALIGN = 64 }; /* a cache line: workers write to theirs with each connection */

/** The terms on which a worker serves the pairs of a listener. Only that worker uses them. */
struct terms {
	alignas(TERMS_ALIGN) struct list link; /**< struct part::terms, while it has users */
	struct offer *offer;
	struct part *part;          /**< that worker's */
	size_t n_users;             /**< sessions, listening sockets */
	struct session_rules rules; /**< the rules to which the clocks of the sessions point */
	/** That of the offer, or the one that a reload has applied to open pairs. */
	struct access access;
};

/** An upstream to which a session may connect, as one config describes it. */
struct target {
	struct group *group;     /**< a reference; it has the name of the upstream */
	struct group_plan *plan; /**< a reference: what this config says of the group */
};

struct offer {
	const char *name;    /**< that of the listener */
	struct limit *limit; /**< a reference: that of the listener's name */
	/** The upstreams to which its sessions may connect, each once. The first is that of the
	 * listener itself; it is zeroed if the listener has none. */
	struct target *targets;
	size_t n_targets;
	const struct target *fallback;  /**< for clients that no route fits; or NULL */
	struct routes *routes;          /**< NULL: there are none */
	size_t *route_targets;          /**< for each route: its index in `targets` */
	struct access access;           /**< which clients are admitted */
	struct peer_list *accept_proxy; /**< peers that must begin with a PROXY header; or NULL */
	struct sources *sources;        /**< those of the limit; NULL: sources are not limited */
	struct source_rules source_rules;
	struct sockopts socket;
	size_t high_water_mark;
	uint64_t accepts_a_second;      /**< for the listener, on all workers; 0: no limit */
	uint64_t bytes_a_second[SIDES]; /**< rates of a pair, by the side that sends; 0: none */
	bool tells_tcp;                 /**< log.tcp_info */
	bool tells_port; /**< it listens on a range of ports; its sessions note the port */
	bool has_choice; /**< its sessions call offer_find() to find their target */
	bool has_edge;   /**< its sessions have a struct session_edge (edge.h) */
	size_t n_terms;
	struct refs refs;     /**< one for the generation, each worker with users, each hand-over */
	struct terms terms[]; /**< one for each worker */
};

/** Whether its pairs have rates. */
static inline bool offer_has_rates(const struct offer *offer)
{
	return offer->bytes_a_second[SIDE_CLIENT] > 0 || offer->bytes_a_second[SIDE_UPSTREAM] > 0;
}

/** What an offer is made from. */
struct offer_opts {
	const struct conf_listener *listener;
	/** Those of its upstreams, each once; the first is that of its own upstream, or NULL. */
	struct group_plan *const *plans;
	size_t n_plans;
	const size_t *route_plans; /**< for each route of the listener: its index in `plans` */
	size_t high_water_mark;
	bool tells_tcp;
	struct peer_lists *lists; /**< the lists of the config */
	struct proxy_shared *shared;
};

/** Makes an offer with one reference. If a limit of this name exists already, the offer uses it
 * without changing it. NULL: no memory. */
struct offer *offer_new(const struct offer_opts *opts);

/**
 * Finds the target for a client of which these facts are known, or says which fact must be known
 * first; the server name is needed also if the rule of an upstream hashes it. Only ROUTE_TAKEN sets
 * *ret_target. ROUTE_NONE: there is no target, so the client is refused. Any thread.
 */
enum route_answer offer_find(const struct offer *offer, const struct route_facts *facts,
	const struct target **ret_target);

/** Any thread. offer_unref(NULL) is fine; it returns NULL. */
struct offer *offer_ref(struct offer *offer);
struct offer *offer_unref(struct offer *offer);

/**
 * Adds or removes a user of the terms; on their worker's thread. If the terms have no users yet,
 * the caller of terms_enter() must have a reference to the offer during the call. terms_leave() may
 * free the offer.
 */
void terms_enter(struct terms *terms);
void terms_leave(struct terms *terms);

#endif
