/* SPDX-License-Identifier: ISC */
/*
 * The balancing rules, one file each. This interface is all that a set knows of a rule. Private to
 * upstream/.
 *
 *	round_robin.c	in rotation
 *	least_pairs.c	the fewest pairs for its weight
 *	random.c	the better one of two random servers
 *	hash.c		by the client
 *	first.c		in the order of the config
 *	ports.c		by the port that the client connected to
 */
#ifndef WEIR_UPSTREAM_RULE_H
#define WEIR_UPSTREAM_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct group_ask;
struct group_set;

struct rule {
	/** Computes set->prepared from the choices, or takes it over from the set before, which may
	 * have another rule or be NULL. 0 or -ENOMEM. The main thread. NULL: nothing to do. */
	int (*prepare)(struct group_set *set, const struct group_set *before);
	/** Frees what prepare() made, also if it is half made. NULL if prepare() is. */
	void (*release)(void *prepared);
	/** Chooses a server and takes a place for the ask (group_set_take()). Returns its index in
	 * the choices; RULE_NONE: all were tried, or are full. Any thread; takes no lock. */
	size_t (*pick)(const struct group_set *set, struct group_ask *ask);
};

#define RULE_NONE SIZE_MAX

extern const struct rule rule_round_robin;
extern const struct rule rule_least_pairs;
extern const struct rule rule_random;
extern const struct rule rule_hash;
extern const struct rule rule_first;
extern const struct rule rule_ports;

const struct rule *rule_of(enum conf_balance balance);

#endif
