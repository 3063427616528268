/* SPDX-License-Identifier: ISC */
/*
 * The rule "hash": a client's key has a slot in Maglev's table, which names the server. The table
 * has all servers with a weight, usable or not; backups have a table of their own. If the server
 * cannot be used, is full or was tried, the servers of the next slots are tried.
 *
 * A server that starts slowly gets only a part of its keys. The part grows, and loses no key that
 * it has. While all choices start slowly, a key that none of them has yet goes to the server of its
 * slot. With hash_on = "sni" the key is the name in the ClientHello; without a name it is the
 * client's address, as usual. For a client without an address the rule is round_robin.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "upstream/ask.h"
#include "upstream/maglev.h"
#include "upstream/picks.h"
#include "upstream/rule.h"
#include "upstream/set.h"
#include "upstream/weight.h"

/** After this many slots each choice is tried once, beginning with one that depends on the key. */
enum { SLOTS_FOLLOWED = 1024 };

#define NO_CHOICE UINT32_MAX

struct prepared {
	/** A reference. Its slots are indices of the set's members. */
	struct maglev *maglev;
	struct rotation *rotation; /**< for clients without an address */
	uint32_t choice_of[];      /**< of each member; NO_CHOICE: it takes no new pairs now */
};

/* ---- preparing ---- */

static void release(void *arg)
{
	struct prepared *prepared = arg;

	maglev_unref(prepared->maglev);
	free(prepared->rotation);
	free(prepared);
}

/**
 * The weight in the config or set by an administrator, whatever the server's states. But a weight
 * of 0 set by an administrator counts as a state: the keys of other servers must not move.
 */
static uint32_t weight_of_slots(const struct member *member)
{
	const struct server_states *states = &member->server->states;

	return states->has_weight && states->weight > 0 ? states->weight : member->weight;
}

/** The table for these choices; the one of the set before, if it is the same. NULL: no memory. */
static struct maglev *table_of(const struct group_set *set, const struct group_set *before)
{
	bool backups = set->n > 0 && set->choices[0].member->is_backup;
	struct maglev_server *servers = malloc(set->n_members * sizeof(*servers) + 1);
	struct maglev *maglev = NULL;

	if (servers == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < set->n_members; i++) {
		const struct member *member = set->members[i];

		servers[i].name = member->name;
		servers[i].weight = member->is_backup == backups ? weight_of_slots(member) : 0;
	}
	if (before != NULL && before->rule == &rule_hash) {
		maglev = ((struct prepared *)before->prepared)->maglev;
		maglev = maglev_is_of(maglev, servers, set->n_members) ? maglev_ref(maglev) : NULL;
	}
	if (maglev == NULL) {
		maglev = maglev_new(servers, set->n_members);
	}
	free(servers);
	return maglev;
}

static void number_choices(const struct group_set *set, uint32_t *choice_of)
{
	uint32_t i = 0;

	for (size_t m = 0; m < set->n_members; m++) {
		bool is_next = i < set->n && set->choices[i].member == set->members[m];

		choice_of[m] = is_next ? i++ : NO_CHOICE;
	}
}

static int prepare(struct group_set *set, const struct group_set *before)
{
	struct prepared *prepared =
		calloc(1, sizeof(*prepared) + set->n_members * sizeof(*prepared->choice_of));

	if (prepared == NULL) {
		return -ENOMEM;
	}
	set->prepared = prepared;
	prepared->maglev = table_of(set, before);
	prepared->rotation = picks_rotation(set);
	if (prepared->maglev == NULL || prepared->rotation == NULL) {
		return -ENOMEM; /* freed with the set */
	}
	number_choices(set, prepared->choice_of);
	return 0;
}

/* ---- picking ---- */

/** Whether the key is one of those that a slowly starting server has already. */
static bool has_key(const struct choice *choice, uint64_t hash)
{
	return (hash >> 32) * WEIGHT_STEPS >> 32 < choice->step;
}

/**
 * Takes a place of the server of the key's slot, or of the next slots. `slowly`: only of a server
 * that has the key already.
 */
static size_t follow_slots(
	const struct group_set *set, uint64_t hash, bool slowly, struct group_ask *ask)
{
	const struct prepared *prepared = set->prepared;
	const struct maglev *maglev = prepared->maglev;
	uint32_t slot = (uint32_t)(hash % maglev->size);

	for (unsigned k = 0; k < SLOTS_FOLLOWED; k++) {
		uint32_t i = prepared->choice_of[maglev->slots[slot]];

		if (i != NO_CHOICE && (!slowly || has_key(&set->choices[i], hash)) &&
			group_set_take(set, i, ask)) {
			return i;
		}
		slot = slot + 1 < maglev->size ? slot + 1 : 0;
	}
	return RULE_NONE;
}

static size_t take_by_slot(const struct group_set *set, uint64_t hash, struct group_ask *ask)
{
	size_t taken = follow_slots(set, hash, set->is_starting, ask);

	if (taken == RULE_NONE && set->is_starting) {
		taken = follow_slots(set, hash, false, ask);
	}
	for (size_t k = 0; k < set->n && taken == RULE_NONE; k++) {
		size_t i = (hash + k) % set->n;

		taken = group_set_take(set, i, ask) ? i : RULE_NONE;
	}
	return taken;
}

static size_t pick(const struct group_set *set, struct group_ask *ask)
{
	const struct prepared *prepared = set->prepared;
	uint8_t key[MAGLEV_KEY_MAX];
	size_t n;

	if (set->n == 0) {
		return RULE_NONE;
	}
	if (set->hash_on == HASH_ON_SNI && ask->has_name) {
		return take_by_slot(set, ask->name_hash, ask);
	}
	n = maglev_key(ask->client, set->hash_on == HASH_ON_CLIENT_PORT, key);
	if (n == 0) {
		return picks_take_next(set, prepared->rotation, ask);
	}
	return take_by_slot(set, maglev_hash(key, n), ask);
}

const struct rule rule_hash = {.prepare = prepare, .release = release, .pick = pick};
