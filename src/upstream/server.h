/* SPDX-License-Identifier: ISC */
/*
 * A server: one address to connect to, and what is known of it; and a member: that server as one
 * config, or one answer of the DNS, has it.
 *
 *	member: name, text, weight, backup, ... ──▶ server: its pairs, its failures, its states
 *
 * A server belongs to a group and an address: a config that keeps the upstream's name and the
 * server's address keeps the server, and with it what is known. A member is immutable, so that
 * workers read it without a lock. Both are counted; a session holds the member that it connects to.
 *
 * Workers write to the atomics of a server. Its states are the main thread's alone: what changes
 * them calls group_refresh() (group.h), which makes another set of them.
 */
#ifndef WEIR_UPSTREAM_SERVER_H
#define WEIR_UPSTREAM_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buckets.h"
#include "base/refs.h"
#include "base/registry.h"
#include "upstream/streak.h"

struct checked_server;
struct conf_eject;
struct conf_server;
struct group;
struct resolver;
struct resolver_name;

/** All servers of the process. */
struct servers {
	struct registry registry;  /* struct server::entry */
	struct resolver *resolver; /**< borrowed, of their names; NULL: none may have a name */
	struct streaks streaks;
};

/** What an administrator says of it. */
enum server_state {
	SERVER_AUTO,  /**< nothing: its check decides */
	SERVER_DRAIN, /**< it takes no new pairs */
	SERVER_DOWN,  /**< the same, and on_down is for its open ones */
	SERVER_UP,    /**< it takes new pairs, whatever its check says */
};

/** What the main thread knows of it. Zeroed: usable. */
struct server_states {
	bool is_down;    /**< its check says so */
	bool is_member;  /**< of its group, by the config in force */
	bool is_ejected; /**< its connects failed: eject.h */
	bool has_weight; /**< an administrator has given it `weight` */
	enum server_state told;
	uint32_t weight;
	uint64_t came_ns; /**< since when it starts slowly; 0: it does not */
};

/** What a session tells of its server. */
enum server_outcome {
	/** No connect to it succeeded; `err` is that of the last one. */
	SERVER_FAILED,
	/** Its name has no address now: none was connected to, which says nothing of the server. */
	SERVER_NOT_FOUND,
	/** Its first byte, or its FIN, has come. */
	SERVER_ANSWERED,
	/** It has reset before that, and nothing of the client had gone to it: neither a byte nor a
	 * FIN. */
	SERVER_REFUSED,
};

/** Its streak is full: who tells the main thread so writes it down here before. */
struct server_failing {
	struct group *group;   /**< a reference */
	struct member *member; /**< a reference: to a member of this server */
	enum server_outcome outcome;
	int err;
};

/** What its checks have shown, ever; the main thread's. */
struct server_checks {
	uint64_t n;        /**< that were judged */
	uint64_t n_failed; /**< of these */
	uint64_t n_unjudged;
};

/** Its last ejection; the main thread's (eject.c). Zeroed: there was none. */
struct server_ejection {
	struct list link;      /**< struct ejections::all, while it is ejected; then also: */
	struct group *group;   /**< a reference */
	struct member *member; /**< a reference: to a member of this server */
	uint64_t since_ns;
	uint64_t until_ns;
	uint64_t returned_ns; /**< 0: never */
	uint64_t n;           /**< how often it was ejected */
	unsigned n_doublings; /**< of `for` */
};

struct server {
	struct registry_entry entry; /**< in struct servers, by group and address */
	const struct group *group;   /**< who has a member of it has its group, too */
	uint64_t id;                 /**< never used again in this process */
	struct resolver_name *name;  /**< a handle of addr, if that is a name; or NULL */
	struct addr addr;
	_Atomic uint32_t max_pairs; /**< of the config in force; 0: no limit */
	_Atomic uint32_t n_open;    /**< places taken: it is connected to, or has a pair */
	_Atomic uint64_t n_failed;  /**< connects to it, all addresses of a name together */
	/** Its pairs are to end: it is down, or gone, and on_down says so. Written by the main
	 * thread: group_end_pairs(). */
	atomic_bool ends_pairs;
	struct buckets connects; /**< how long those took that did not fail */
	struct streak streak;    /**< its failures in a row */
	struct server_failing failing;
	struct server_states states;
	struct server_ejection ejection;
	struct server_checks checks;
	struct checked_server *check; /**< checks.c's, the main thread's; NULL: it has none */
};

struct member {
	struct refs refs;
	struct server *server; /**< a reference */
	uint32_t weight;       /**< 0 takes no new pairs */
	uint32_t max_pairs;    /**< 0: no limit */
	bool is_backup;        /**< used only while no other server is usable */
	const char *name;      /**< in the config; its address where that gives none */
	char text[];           /**< the address as written: for logs */
};

/** A member of the group, with one reference, of the server that is known by its address, or a new
 * one, with room to count the failures that eject it. NULL: no memory. The main
 * thread. */
struct member *member_new(struct servers *servers, const struct group *group,
	const struct conf_server *conf, const struct conf_eject *eject);

/** Any thread. */
static inline struct member *member_ref(struct member *member)
{
	refs_ref(&member->refs);
	return member;
}

/** Any thread. NULL is fine; it returns NULL. */
struct member *member_unref(struct member *member);

/** How many of its places are taken. All that changes or reads this is sequentially consistent: see
 * queue.h. Any thread. */
static inline uint32_t server_n_open(const struct server *server)
{
	return atomic_load(&server->n_open);
}

/** Takes a place under max_pairs, if there is one. Any thread. */
bool server_take(struct server *server);

/** Whether its open pairs are to end. Any thread. */
static inline bool server_ends_pairs(const struct server *server)
{
	return atomic_load_explicit(&server->ends_pairs, memory_order_relaxed);
}

/** Gives it back. Any thread. */
void server_give(struct server *server);

#endif
