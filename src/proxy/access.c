/* SPDX-License-Identifier: ISC */
#include "proxy/access.h"

#include <stdlib.h>

#include "base/prefixes.h"
#include "conf/conf.h"
#include "proxy/session_peer.h"

/* ---- lists ---- */

static struct peer_list *peer_list_new(const struct conf_prefixes *conf)
{
	struct peer_list *list = calloc(1, sizeof(*list));

	if (list == NULL) {
		return NULL;
	}
	list->set = prefixes_new(conf->prefixes, conf->n);
	if (list->set == NULL) {
		free(list);
		return NULL;
	}
	list->any = conf->any;
	list->unix_peers = conf->unix_peers;
	refs_init(&list->refs);
	return list;
}

struct peer_list *peer_list_ref(struct peer_list *list)
{
	refs_ref(&list->refs);
	return list;
}

struct peer_list *peer_list_unref(struct peer_list *list)
{
	if (list != NULL && refs_unref(&list->refs)) {
		prefixes_free(list->set);
		free(list);
	}
	return NULL;
}

bool peer_list_has(const struct peer_list *list, const union session_peer *peer)
{
	if (list == NULL) {
		return false;
	}
	return list->any || (peer->family == AF_UNIX && list->unix_peers) ||
	       prefixes_has(list->set, (const struct sockaddr *)peer);
}

/* ---- the lists of a config ---- */

/** A compiled list, and what it was compiled from. */
struct compiled {
	struct compiled *next;
	const struct conf_prefixes *conf;
	struct peer_list *list;
};

static uint64_t hash_of(const struct conf_prefixes *conf)
{
	return hash_bytes(HASH_BEGIN, &conf, sizeof(conf));
}

static bool is_of(const void *item, const void *conf)
{
	return ((const struct compiled *)item)->conf == conf;
}

struct peer_list *peer_lists_get(struct peer_lists *lists, const struct conf_prefixes *conf)
{
	const struct compiled *found = table_find(&lists->table, hash_of(conf), is_of, conf);
	struct compiled *compiled;

	if (found != NULL) {
		return peer_list_ref(found->list);
	}
	compiled = calloc(1, sizeof(*compiled));
	if (compiled == NULL) {
		return NULL;
	}
	compiled->conf = conf;
	compiled->list = peer_list_new(conf);
	if (compiled->list == NULL || table_add(&lists->table, hash_of(conf), compiled) < 0) {
		peer_list_unref(compiled->list);
		free(compiled);
		return NULL;
	}
	compiled->next = lists->first;
	lists->first = compiled;
	return peer_list_ref(compiled->list);
}

void peer_lists_fini(struct peer_lists *lists)
{
	while (lists->first != NULL) {
		struct compiled *compiled = lists->first;

		lists->first = compiled->next;
		peer_list_unref(compiled->list);
		free(compiled);
	}
	table_fini(&lists->table);
}

/* ---- access ---- */

void access_set(struct access *access, const struct access *from)
{
	struct access before = *access;

	access->allow = from->allow == NULL ? NULL : peer_list_ref(from->allow);
	access->deny = from->deny == NULL ? NULL : peer_list_ref(from->deny);
	access_fini(&before);
}

void access_fini(struct access *access)
{
	access->allow = peer_list_unref(access->allow);
	access->deny = peer_list_unref(access->deny);
}

bool access_admits(const struct access *access, const union session_peer *client)
{
	return !peer_list_has(access->deny, client) &&
	       (access->allow == NULL || peer_list_has(access->allow, client));
}
