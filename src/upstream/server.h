/* SPDX-License-Identifier: ISC */
/*
 * A server: one address to connect to, and what is known of it. And a member: that server with the
 * properties that one config, or one DNS answer, gives it.
 *
 *	member: name, text, weight, backup, ... ──▶ server: its pairs, its failures, its states
 *
 * A server is identified by its group and its address. If a new config keeps the upstream's name
 * and the server's address, the server stays, with all that is known of it. A member is immutable,
 * so that workers can read it without a lock. Both have reference counts; a session holds the
 * member that it connects to.
 *
 * Workers write to the atomics of a server. Only the main thread uses its states; after a change it
 * calls group_refresh() (group.h), which makes a new set.
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
struct log_line;
struct resolver;
struct resolver_name;

/** All servers of the process. */
struct servers {
	struct registry registry; /* struct server::entry */
	/** Borrowed, for servers with names; NULL: none may have a name. */
	struct resolver *resolver;
	struct streaks streaks;
};

/** What an administrator has set for the server. */
enum server_state {
	SERVER_AUTO,  /**< nothing: its check decides */
	SERVER_DRAIN, /**< it takes no new pairs */
	SERVER_DOWN,  /**< no new pairs, and on_down applies to its open pairs */
	SERVER_UP,    /**< it takes new pairs, whatever its check says */
};

/** The word for a state in the log and over HTTP: "auto", "drain", "down" or "up". */
const char *server_state_name(enum server_state state);

/** The state with this word. 0, or -EINVAL: there is none. */
int server_state_parse(const char *name, enum server_state *ret_state);

/** The states of a server, for the main thread. Zeroed: usable. */
struct server_states {
	bool is_down;    /**< its check has found it down */
	bool is_member;  /**< the plan in force of its group has it as a member */
	bool is_ejected; /**< its pairs failed: eject.h */
	bool has_weight; /**< `weight` was set by an administrator */
	enum server_state told;
	uint32_t weight;
	uint64_t came_ns; /**< since when it starts slowly; 0: it does not */
};

/** What a session reports of its server. */
enum server_outcome {
	/** No connect to it succeeded; `err` is the error of the last one. */
	SERVER_FAILED,
	/** The lookup of its name failed, or took too long. Nothing was connected to, so this says
	 * nothing of the server. */
	SERVER_NOT_FOUND,
	/** The first byte from it, or its FIN, has come. */
	SERVER_ANSWERED,
	/** It has reset the connection before that, and before a byte of the client was sent to it.
	 * The client's FIN may have been sent: it does not count. */
	SERVER_REFUSED,
};

/** For the main thread, when a streak is full. The thread that reports it fills this in first. */
struct server_failing {
	struct group *group;   /**< a reference */
	struct member *member; /**< a reference: to a member of this server */
	enum server_outcome outcome;
	int err;
};

/** The counts of its checks, over all time; for the main thread. */
struct server_checks {
	uint64_t n;        /**< checks with a result */
	uint64_t n_failed; /**< failed ones */
	/** Checks without a result: weir lacked fds, memory, ports or threads for lookups. */
	uint64_t n_unjudged;
};

/** Its last ejection; for the main thread (eject.c). Zeroed: it was never ejected. */
struct server_ejection {
	/** In struct ejections::all while it is ejected. Only then are group and member set. */
	struct list link;
	struct group *group;   /**< a reference */
	struct member *member; /**< a reference: to a member of this server */
	uint64_t since_ns;
	uint64_t until_ns;
	uint64_t returned_ns; /**< when it last returned; 0: never */
	uint64_t n;           /**< how often it was ejected */
	unsigned n_doublings; /**< how often `for` was doubled */
};

struct server {
	struct registry_entry entry; /**< in struct servers, by group and address */
	const struct group *group;   /**< borrowed: a member's owner has a reference to the group */
	uint64_t id;                 /**< unique in this process; never reused */
	struct resolver_name *name;  /**< the handle of addr, if that is a name; else NULL */
	struct addr addr;
	_Atomic uint32_t max_pairs; /**< in the config in force; 0: no limit */
	_Atomic uint32_t n_open;    /**< places taken: sessions that connect to it or have a pair */
	/** Failed connects, where all addresses of a name count as one, and failed lookups of the
	 * name. */
	_Atomic uint64_t n_failed;
	/** Its pairs must end, since it is down or no member any more, and on_down = "end". Written
	 * by the main thread: group_end_pairs(). */
	atomic_bool ends_pairs;
	struct buckets connects; /**< how long successful connects took */
	struct streak streak;    /**< its failures in a row */
	struct server_failing failing;
	struct server_states states;
	struct server_ejection ejection;
	struct server_checks checks;
	struct checked_server *check; /**< checks.c uses it, on the main thread; NULL: no check */
};

struct member {
	struct refs refs;
	struct server *server; /**< a reference */
	uint32_t weight;       /**< 0: takes no new pairs */
	uint32_t max_pairs;    /**< 0: no limit */
	bool is_backup;        /**< used only while no server but backups is usable */
	const char *name;      /**< in the config; the address if the config gives none */
	char text[];           /**< the address as the config writes it, for logs */
};

/**
 * Makes a member of the group, with one reference, of the server with its address: the known one,
 * or a new one, with room to count the failures that eject it. NULL: no memory. The main thread.
 */
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

/** Whether the config gives it a name. Any thread. */
static inline bool member_is_named(const struct member *member)
{
	return member->name != member->text;
}

/** Adds the keys of a log line that name it: upstream, server, and server_name if it is named.
 * Any thread. */
void member_log(const struct member *member, const char *upstream, struct log_line *line);

/**
 * How many of its places are taken. All changes and reads are sequentially consistent: see queue.h.
 * Any thread.
 */
static inline uint32_t server_n_open(const struct server *server)
{
	return atomic_load(&server->n_open);
}

/** Takes a place under max_pairs. False: there is none. Any thread. */
bool server_take(struct server *server);

/** Whether its open pairs must end. Any thread. */
static inline bool server_ends_pairs(const struct server *server)
{
	return atomic_load_explicit(&server->ends_pairs, memory_order_relaxed);
}

/** Gives a place back. Any thread. */
void server_give(struct server *server);

#endif
