/* SPDX-License-Identifier: ISC */
#include "ctl/names.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "ctl/show.h"

enum { WAIT_S = 30, NAME_MAX_LEN = 512 };

typedef void names_function(const json_t *json, struct nearest *nearest);

/** A kind of names: its word, the request that lists them, and the command that shows them. */
struct kind {
	const char *word;
	const char *target;
	names_function *names;
	const char *remedy;
};

/** Whether one of the names is the wanted one. If not, `known` gets the nearest name, if there is
 * one. */
static bool look_up(
	const struct ask *ask, const struct kind *kind, const char *name, char known[NAME_MAX_LEN])
{
	const struct ask_question question = {
		.method = "GET", .target = kind->target, .wait_s = WAIT_S};
	struct nearest nearest = nearest_begin(name);
	json_t *json;

	*known = '\0';
	if (ask_weir(ask, &question, &json) < 0) {
		return true; /* the failure was reported */
	}
	kind->names(json, &nearest);
	if (nearest.known != NULL) {
		(void)snprintf(known, NAME_MAX_LEN, "%s", nearest.known);
	}
	json_decref(json);
	return nearest.known != NULL && nearest.fewest == 0 && strcmp(known, name) == 0;
}

static bool check(const struct ask *ask, const struct kind *kind, const char *name)
{
	char known[NAME_MAX_LEN];

	if (look_up(ask, kind, name, known)) {
		return true;
	}
	fprintf(ask->err, "%s: there is no %s \"", ask->program, kind->word);
	show_text(ask->err, name);
	if (*known != '\0') {
		(void)fputs("\"; the nearest name is \"", ask->err);
		show_text(ask->err, known);
		(void)fputs("\"\n", ask->err);
	} else {
		fprintf(ask->err, "\"; %s has the names\n", kind->remedy);
	}
	return false;
}

/* ---- the kinds ---- */

static void try_listeners(const json_t *json, struct nearest *nearest)
{
	size_t i;
	json_t *listener;

	json_array_foreach(json_object_get(json, "listeners"), i, listener)
	{
		nearest_try(nearest, json_string_value(json_object_get(listener, "name")));
	}
}

static void try_upstreams(const json_t *json, struct nearest *nearest)
{
	size_t i;
	json_t *upstream;

	json_array_foreach(json_object_get(json, "upstreams"), i, upstream)
	{
		nearest_try(nearest, json_string_value(json_object_get(upstream, "name")));
	}
}

/** Tries servers, by name and by address. */
static void try_servers(const json_t *json, struct nearest *nearest)
{
	size_t i;
	size_t j;
	json_t *upstream;
	json_t *server;

	json_array_foreach(json_object_get(json, "upstreams"), i, upstream)
	{
		json_array_foreach(json_object_get(upstream, "servers"), j, server)
		{
			nearest_try(nearest, json_string_value(json_object_get(server, "name")));
			nearest_try(nearest, json_string_value(json_object_get(server, "address")));
		}
	}
}

static const struct kind kinds[] = {
	{"listener", "/v1/listeners", try_listeners, "weirctl listeners"},
	{"upstream", "/v1/upstreams", try_upstreams, "weirctl upstreams"},
	{"server", "/v1/upstreams", try_servers, "weirctl upstreams"},
};

/* ---- UP/NAME ---- */

static void try_full_servers(const json_t *json, struct nearest *nearest)
{
	size_t i;
	size_t j;
	json_t *upstream;
	json_t *server;
	json_t *full;

	json_array_foreach(json_object_get(json, "upstreams"), i, upstream)
	{
		const char *up = json_string_value(json_object_get(upstream, "name"));

		json_array_foreach(json_object_get(upstream, "servers"), j, server)
		{
			const char *name = json_string_value(json_object_get(server, "name"));

			full = json_sprintf(
				"%s/%s", up == NULL ? "" : up, name == NULL ? "" : name);
			nearest_try(nearest, json_string_value(full));
			(void)json_object_set_new(server, "full", full); /* freed with the rest */
		}
	}
}

static const struct kind full_server = {
	"server", "/v1/upstreams", try_full_servers, "weirctl upstreams"};

/** Whether a filter has UP/NAME, as weirctl upstreams shows a server, instead of a name. If so,
 * that was reported. */
static bool tell_full_name(const struct ask *ask, const char *filter)
{
	static const char server[] = "server=";
	const char *name = filter + strlen(server);
	const char *slash = strchr(filter, '/');
	char known[NAME_MAX_LEN];

	if (strncmp(filter, server, strlen(server)) != 0 || slash == NULL ||
		!look_up(ask, &full_server, name, known) || strcmp(known, name) != 0) {
		return false;
	}
	fprintf(ask->err, "%s: ", ask->program);
	show_text(ask->err, filter);
	(void)fputs(": a server is meant by its name alone; write upstream=", ask->err);
	known[slash - name] = '\0';
	show_text(ask->err, known);
	(void)fputs(" server=", ask->err);
	show_text(ask->err, known + (slash - name) + 1);
	(void)fputc('\n', ask->err);
	return true;
}

bool names_check_filter(const struct ask *ask, const char *filter)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].word);

		if (strncmp(filter, kinds[i].word, len) == 0 && filter[len] == '=') {
			return !tell_full_name(ask, filter) &&
			       check(ask, &kinds[i], filter + len + 1);
		}
	}
	return true;
}

bool names_tell_server(const struct ask *ask, const char *server)
{
	return !check(ask, &full_server, server);
}
