/* SPDX-License-Identifier: ISC */
#include "upstream/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "conf/conf.h"
#include "stream/resolver.h"

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

struct server *server_get(struct registry *servers, struct resolver *resolver,
	const struct group *group, const struct conf_server *conf)
{
	struct key key = {.group = group, .addr = &conf->addr};
	uint64_t hash = hash_bytes(addr_hash(&conf->addr), &key.group, sizeof(key.group));
	struct registry_entry *found = registry_find(servers, hash, is_it, &key);
	size_t text_size = strlen(conf->text) + 1;
	struct server *server;

	if (found != NULL) {
		return container_of(found, struct server, entry);
	}
	server = calloc(1, sizeof(*server) + text_size);
	if (server == NULL) {
		return NULL;
	}
	server->group = group;
	server->addr = conf->addr;
	memcpy(server->text, conf->text, text_size);
	if (conf->addr.kind == ADDR_NAME) {
		server->name = resolver_name_get(resolver, conf->addr.host);
		if (server->name == NULL) {
			free(server);
			return NULL;
		}
	}
	if (registry_add(servers, hash, &server->entry) < 0) {
		(void)resolver_name_unref(server->name);
		free(server);
		return NULL;
	}
	return server;
}

void server_unref(struct server *server)
{
	if (server != NULL && registry_unref(&server->entry)) {
		(void)resolver_name_unref(server->name);
		free(server);
	}
}
