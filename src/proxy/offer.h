/* SPDX-License-Identifier: ISC */
/*
 * An offer: all that the sessions of one listener of one config need, copied out of it, so that an
 * open pair keeps this alive and not the config.
 *
 *	generation ──▶ offer of each listener ──▶ limit: one for each name, in all generations
 *	                  │        └────────────▶ targets: groups, by name, and their plans here
 *	                  └── terms of worker 0, terms of worker 1, ...
 *	                         ▲
 *	                         └── its sessions and listening sockets
 *
 * An offer is immutable and counted, and lives until nothing uses it any more: its generation is
 * gone, and no session, no listening socket and no delivery has terms of it. Each worker counts its
 * own users in its terms, without atomics, and holds one reference while there are any.
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

/** On what terms a worker serves the pairs of a listener. Only that worker uses them. */
struct terms {
	alignas(TERMS_ALIGN) struct list link; /**< struct part::terms, while it has users */
	struct offer *offer;
	struct part *part;          /**< that worker's */
	size_t n_users;             /**< sessions, listening sockets */
	struct session_rules rules; /**< what the sessions point to */
	struct access access;       /**< the offer's, or what a reload has applied in its place */
};

/** Where a session goes: an upstream, as one config has it. */
struct target {
	struct group *group;     /**< a reference; its name is the upstream's */
	struct group_plan *plan; /**< a reference: what this config says of the group */
};

struct offer {
	const char *name;       /**< of the listener */
	struct limit *limit;    /**< a reference: for the open pairs of that name */
	struct target *targets; /**< the upstreams that its sessions may go to, each once */
	size_t n_targets;
	const struct target *fallback;  /**< for clients that no route takes; or NULL */
	struct routes *routes;          /**< NULL: there are none */
	size_t *route_targets;          /**< of each route: its place in `targets` */
	struct access access;           /**< who may come in */
	struct peer_list *accept_proxy; /**< who must begin with a PROXY header; or NULL */
	struct sources *sources;        /**< of the limit; NULL: they are not limited */
	struct source_rules source_rules;
	struct sockopts socket;
	size_t high_water_mark;
	uint64_t accepts_a_second;      /**< of the listener, on all workers; 0: no limit */
	uint64_t bytes_a_second[SIDES]; /**< rates of a pair, by who sends; 0: none */
	bool tells_tcp;                 /**< log.tcp_info */
	bool tells_port;                /**< it listens on a range; its sessions know the port */
	bool has_choice;                /**< its sessions ask offer_find() where they go */
	bool has_edge;                  /**< its sessions have a struct session_edge (edge.h) */
	size_t n_terms;
	struct refs refs;     /**< the generation's, one for each worker with users, deliveries */
	struct terms terms[]; /**< one for each worker */
};

/** Whether its pairs have a rate. */
static inline bool offer_has_rates(const struct offer *offer)
{
	return offer->bytes_a_second[SIDE_CLIENT] > 0 || offer->bytes_a_second[SIDE_UPSTREAM] > 0;
}

/** What offers are made of. */
struct offer_opts {
	const struct conf_listener *listener;
	struct group_plan *const *plans; /**< of its upstreams, each once; first its own, or NULL */
	size_t n_plans;
	const size_t *route_plans; /**< of each route of the listener: its place in `plans` */
	size_t high_water_mark;
	bool tells_tcp;
	struct peer_lists *lists; /**< of the config */
	struct proxy_shared *shared;
};

/** An offer with one reference. If its name has a limit already, it takes that as it is. NULL: no
 * memory. */
struct offer *offer_new(const struct offer_opts *opts);

/**
 * Where a client goes of which these facts are known, or which fact must be known first; the name
 * that a rule hashes is one of them. Only ROUTE_TAKEN sets *ret_target; with ROUTE_NONE the client
 * goes nowhere. Any thread.
 */
enum route_answer offer_find(const struct offer *offer, const struct route_facts *facts,
	const struct target **ret_target);

/** Any thread. offer_unref(NULL) is fine; it returns NULL. */
struct offer *offer_ref(struct offer *offer);
struct offer *offer_unref(struct offer *offer);

/**
 * One more or one less user of the terms; their worker's thread. Whoever enters terms without users
 * holds a reference to the offer meanwhile; leaving them may free it.
 */
void terms_enter(struct terms *terms);
void terms_leave(struct terms *terms);

#endif
