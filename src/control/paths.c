/* SPDX-License-Identifier: ISC */
#include "control/paths.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* In a path "*" stands for one segment of any name. */
static const struct path {
	enum http_verb verb;
	const char *segments[HTTP_SEGMENTS_MAX];
	paths_answer *answer;
} paths[] = {
	{HTTP_VERB_GET, {NULL}, control_get_page},
	{HTTP_VERB_GET, {"healthz"}, control_get_health},
	{HTTP_VERB_GET, {"readyz"}, control_get_ready},
	{HTTP_VERB_GET, {"metrics"}, control_get_metrics},
	{HTTP_VERB_GET, {"v1", "status"}, control_get_status},
	{HTTP_VERB_GET, {"v1", "listeners"}, control_get_listeners},
	{HTTP_VERB_GET, {"v1", "upstreams"}, control_get_upstreams},
	{HTTP_VERB_PATCH, {"v1", "upstreams", "*", "servers", "*"}, control_patch_server},
	{HTTP_VERB_GET, {"v1", "pairs"}, control_get_pairs},
	{HTTP_VERB_DELETE, {"v1", "pairs"}, control_delete_pairs},
	{HTTP_VERB_GET, {"v1", "pairs", "*"}, control_get_pair},
	{HTTP_VERB_DELETE, {"v1", "pairs", "*"}, control_delete_pair},
	{HTTP_VERB_GET, {"v1", "events"}, control_get_events},
	{HTTP_VERB_PUT, {"v1", "log"}, control_put_log},
	{HTTP_VERB_POST, {"v1", "reload"}, control_post_reload},
	{HTTP_VERB_POST, {"v1", "drain"}, control_post_drain},
	{HTTP_VERB_POST, {"v1", "undrain"}, control_post_undrain},
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

paths_answer *paths_find(
	enum http_verb verb, const struct http_target *target, char ret_allow[PATHS_ALLOW_MAX])
{
	size_t n = 0;

	*ret_allow = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct path *path = &paths[i];

		if (!fits(path, target)) {
			continue;
		}
		if (path->verb == verb || (path->verb == HTTP_VERB_GET && verb == HTTP_VERB_HEAD)) {
			return path->answer;
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
