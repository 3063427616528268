/* SPDX-License-Identifier: ISC */
#include "conf/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

/* The part of the path after "parent."; NULL: it does not begin with that. */
static const char *path_behind(const char *path, const char *parent)
{
	size_t len = 0;

	if (*parent == '\0') {
		return path;
	}
	/* Compared by hand for speed: most paths differ at once, and each key of a large file
	 * passes here. */
	while (parent[len] != '\0' && path[len] == parent[len]) {
		len++;
	}
	return parent[len] == '\0' && path[len] == '.' ? path + len + 1 : NULL;
}

const char *conf_schema_child(const struct conf_key *key, const char *parent)
{
	const char *name = path_behind(key->path, parent);

	return name != NULL && strchr(name, '.') == NULL ? name : NULL;
}

bool conf_schema_within(const struct conf_key *key, const char *parent)
{
	const char *name = path_behind(key->path, parent);

	return name != NULL && strchr(name, '[') == NULL &&
	       !(key->apart && strchr(name, '.') != NULL);
}

const struct conf_key *conf_schema_find(const char *parent, const char *name)
{
	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *child = conf_schema_child(&conf_schema[i], parent);

		if (child != NULL && strcmp(child, name) == 0) {
			return &conf_schema[i];
		}
	}
	return NULL;
}

/* Whether a path ends in these parts, for example "check.address". */
static bool ends_in(const char *path, const char *tail)
{
	size_t len = strlen(path);
	size_t tail_len = strlen(tail);

	return len >= tail_len && strcmp(path + len - tail_len, tail) == 0 &&
	       (len == tail_len || path[len - tail_len - 1] == '.');
}

const struct conf_key *conf_schema_elsewhere(const char *parent, const char *name)
{
	const char *dot = strrchr(parent, '.');
	char tail[2 * CONF_NAME_MAX];
	const struct conf_key *below = NULL;
	const struct conf_key *any = NULL;
	int len = snprintf(tail, sizeof(tail), "%s.%s", dot == NULL ? parent : dot + 1, name);

	for (size_t i = 0; i < conf_schema_len; i++) {
		const struct conf_key *key = &conf_schema[i];

		if (len < (int)sizeof(tail) && ends_in(key->path, tail)) {
			return key;
		}
		if (!ends_in(key->path, name)) {
			continue;
		}
		if (any == NULL) {
			any = key;
		}
		if (below == NULL && path_behind(key->path, parent) != NULL) {
			below = key;
		}
	}
	return below != NULL ? below : any;
}

const char *conf_schema_nearest(const char *parent, const char *name)
{
	struct nearest nearest = nearest_begin(name);

	for (size_t i = 0; i < conf_schema_len; i++) {
		nearest_try(&nearest, conf_schema_child(&conf_schema[i], parent));
	}
	return nearest.known;
}
