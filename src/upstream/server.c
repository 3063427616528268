/* SPDX-License-Identifier: ISC */
#include "upstream/server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "conf/conf.h"
#include "log/log.h"
#include "stream/resolver.h"

/* ---- the words of its states ---- */

static const char *const state_names[] = {
	[SERVER_AUTO] = "auto",
	[SERVER_DRAIN] = "drain",
	[SERVER_DOWN] = "down",
	[SERVER_UP] = "up",
};

const char *server_state_name(enum server_state state)
{
	return state_names[state];
}

int server_state_parse(const char *name, enum server_state *ret_state)
{
	for (unsigned int i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (strcmp(name, state_names[i]) == 0) {
			*ret_state = (enum server_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- the server ---- */

struct key {
	const struct group *group;
	const struct addr *addr;
};

static const struct server *server_of(const struct registry_entry *entry)
{
	return container_of(entry, const struct server, entry);
}

static bool is_it(const void *entry, const void *key)
{
	const struct server *server = server_of(entry);
	const struct key *wanted = key;

	return server->group == wanted->group && addr_equal(&server->addr, wanted->addr);
}

/** The server of that group and address, or a new one, with one more reference. NULL: no memory. */
static struct server *server_get(
	struct servers *servers, const struct group *group, const struct addr *addr)
{
	static uint64_t n_made; /* for the main thread */
	struct key key = {.group = group, .addr = addr};
	uint64_t hash = hash_bytes(addr_hash(addr), &key.group, sizeof(key.group));
	struct registry_entry *found = registry_find(&servers->registry, hash, is_it, &key);
	struct server *server;

	if (found != NULL) {
		return container_of(found, struct server, entry);
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		return NULL;
	}
	server->group = group;
	server->addr = *addr;
	server->id = ++n_made;
	if (addr->kind == ADDR_NAME) {
		server->name = resolver_name_get(servers->resolver, addr->host);
		if (server->name == NULL) {
			free(server);
			return NULL;
		}
	}
	if (registry_add(&servers->registry, hash, &server->entry) < 0) {
		(void)resolver_name_unref(server->name);
		free(server);
		return NULL;
	}
	return server;
}

static void server_unref(struct server *server)
{
	if (registry_unref(&server->entry)) {
		streak_fini(&server->streak);
		(void)resolver_name_unref(server->name);
		free(server);
	}
}

bool server_take(struct server *server)
{
	uint32_t n = server_n_open(server);
	uint32_t max;

	do {
		max = atomic_load_explicit(&server->max_pairs, memory_order_relaxed);
		if (max != 0 && n >= max) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&server->n_open, &n, n + 1));
	return true;
}

void server_give(struct server *server)
{
	uint32_t before = atomic_fetch_sub(&server->n_open, 1);

	assert(before > 0);
	(void)before;
}

/* ---- the member ---- */

struct member *member_new(struct servers *servers, const struct group *group,
	const struct conf_server *conf, const struct conf_eject *eject)
{
	size_t text_size = strlen(conf->text) + 1;
	bool has_name = conf->name != NULL && strcmp(conf->name, conf->text) != 0;
	size_t name_size = has_name ? strlen(conf->name) + 1 : 0;
	struct member *member = malloc(sizeof(*member) + text_size + name_size);

	if (member == NULL) {
		return NULL;
	}
	*member = (struct member){
		.weight = conf->weight,
		.max_pairs = conf->max_pairs,
		.is_backup = conf->backup,
	};
	refs_init(&member->refs);
	memcpy(member->text, conf->text, text_size);
	member->name = member->text;
	if (has_name) {
		member->name = memcpy(member->text + text_size, conf->name, name_size);
	}
	member->server = server_get(servers, group, &conf->addr);
	if (member->server == NULL) {
		free(member);
		return NULL;
	}
	if (eject->on &&
		streak_reserve(&servers->streaks, &member->server->streak, eject->failures) < 0) {
		return member_unref(member);
	}
	return member;
}

struct member *member_unref(struct member *member)
{
	if (member != NULL && refs_unref(&member->refs)) {
		server_unref(member->server);
		free(member);
	}
	return NULL;
}

void member_log(const struct member *member, const char *upstream, struct log_line *line)
{
	log_str(line, "upstream", upstream);
	log_str(line, "server", member->text);
	if (member_is_named(member)) {
		log_str(line, "server_name", member->name);
	}
}
