/* SPDX-License-Identifier: ISC */
#include "control/paths.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/asked.h"

/*
 * What happens to a query. A query that would not be read is refused: whoever writes one, such as a
 * grace after /v1/drain, expects something of it. Browsers and probes may add what they like.
 */
enum path_query { QUERY_NONE, QUERY_IGNORED, QUERY_READ };

/* In a path "*" stands for one segment of any name. */
static const struct path {
	enum http_verb verb;
	const char *segments[HTTP_SEGMENTS_MAX];
	paths_answer *answer;
	enum path_query query;
} paths[] = {
	{HTTP_VERB_GET, {NULL}, control_get_page, QUERY_IGNORED},
	{HTTP_VERB_GET, {"healthz"}, control_get_health, QUERY_IGNORED},
	{HTTP_VERB_GET, {"readyz"}, control_get_ready, QUERY_IGNORED},
	{HTTP_VERB_GET, {"metrics"}, control_get_metrics, QUERY_IGNORED},
	{HTTP_VERB_GET, {"v1", "status"}, control_get_status, QUERY_NONE},
	{HTTP_VERB_GET, {"v1", "listeners"}, control_get_listeners, QUERY_NONE},
	{HTTP_VERB_GET, {"v1", "upstreams"}, control_get_upstreams, QUERY_NONE},
	{HTTP_VERB_PATCH, {"v1", "upstreams", "*", "servers", "*"}, control_patch_server,
		QUERY_NONE},
	{HTTP_VERB_GET, {"v1", "pairs"}, control_get_pairs, QUERY_READ},
	{HTTP_VERB_DELETE, {"v1", "pairs"}, control_delete_pairs, QUERY_READ},
	{HTTP_VERB_GET, {"v1", "pairs", "*"}, control_get_pair, QUERY_NONE},
	{HTTP_VERB_DELETE, {"v1", "pairs", "*"}, control_delete_pair, QUERY_NONE},
	{HTTP_VERB_GET, {"v1", "events"}, control_get_events, QUERY_READ},
	{HTTP_VERB_PUT, {"v1", "log"}, control_put_log, QUERY_NONE},
	{HTTP_VERB_POST, {"v1", "reload"}, control_post_reload, QUERY_NONE},
	{HTTP_VERB_POST, {"v1", "drain"}, control_post_drain, QUERY_NONE},
	{HTTP_VERB_POST, {"v1", "undrain"}, control_post_undrain, QUERY_NONE},
};

static bool fits(const struct path *path, const struct http_target *target)
{
	size_t n = 0;

	while (n < HTTP_SEGMENTS_MAX && path->segments[n] != NULL) {
		if (n == target->n_segments ||
			(strcmp(path->segments[n], "*") != 0 &&
				strcmp(path->segments[n], target->segments[n]))) {
			return false;
		}
		n++;
	}
	return n == target->n_segments;
}

static void refuse_query(struct control_asked *asked)
{
	enum http_verb verb = asked->exchange->head->verb;
	bool has_body = verb != HTTP_VERB_GET && verb != HTTP_VERB_HEAD && verb != HTTP_VERB_DELETE;

	control_refuse(asked, 400, "%.64s: there is no filter here; %s",
		asked->target.parameters[0].name,
		has_body ? "put it into the body, as weir-http(7) describes"
			 : "leave it out, and see weir-http(7)");
}

/** The next row with this path after `path`, or the first one if that is NULL; the rows of a path
 * differ in their methods. NULL: there is none. */
static const struct path *next_row(const struct path *path, const struct http_target *target)
{
	const struct path *end = paths + sizeof(paths) / sizeof(paths[0]);

	for (path = path == NULL ? paths : path + 1; path < end; path++) {
		if (fits(path, target)) {
			return path;
		}
	}
	return NULL;
}

bool paths_ignore_query(const struct http_target *target)
{
	const struct path *path = next_row(NULL, target);

	return path != NULL && path->query == QUERY_IGNORED;
}

paths_answer *paths_find(
	enum http_verb verb, const struct http_target *target, char ret_allow[PATHS_ALLOW_MAX])
{
	const struct path *path = NULL;
	size_t n = 0;

	*ret_allow = '\0';
	while ((path = next_row(path, target)) != NULL) {
		if (path->verb == verb || (path->verb == HTTP_VERB_GET && verb == HTTP_VERB_HEAD)) {
			return path->query == QUERY_NONE && target->n_parameters > 0 ? refuse_query
										     : path->answer;
		}
		n += (size_t)snprintf(ret_allow + n, PATHS_ALLOW_MAX - n, "%s%s%s",
			n == 0 ? "Allow: " : ", ", http_verb_name(path->verb),
			path->verb == HTTP_VERB_GET ? ", HEAD" : "");
	}
	if (n > 0) {
		(void)snprintf(ret_allow + n, PATHS_ALLOW_MAX - n, "\r\n");
	}
	return NULL;
}
