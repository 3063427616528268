/* SPDX-License-Identifier: ISC */
#include "control/pairs_query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/words.h"
#include "proto/http_target.h"

static const char *read_time(const char *value, uint64_t *ret_ns)
{
	const char *why;

	return parse_duration(value, ret_ns, &why) < 0 || *ret_ns == 0 || *ret_ns == NS_NEVER
		       ? "it must be a duration longer than 0s, as \"30s\" or \"1h\""
		       : NULL;
}

const char *pairs_query_number(const char *value, uint64_t *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoumax(value, &end, 10);
	return errno != 0 || *end != '\0' || *value < '0' || *value > '9' ? "it must be a number"
									  : NULL;
}

static const char *read_flag(const char *value, bool *ret_flag)
{
	*ret_flag = strcmp(value, "true") == 0;
	return *ret_flag || strcmp(value, "false") == 0 ? NULL : "it must be true or false";
}

static const char or_unix[] = ", or \"unix\"";

static const char *read_client(const char *value, struct pairs_filter *filter)
{
	static char why[PREFIX_WHY_MAX + sizeof(or_unix)]; /* main thread only */

	filter->by_client = true;
	filter->is_unix = strcmp(value, "unix") == 0;
	if (filter->is_unix || prefix_parse(value, &filter->client, why) == 0) {
		return NULL;
	}
	if (strchr(value, '/') == NULL) { /* with a '/' a prefix is meant */
		(void)strcat(why, or_unix);
	}
	return why;
}

static const char *read_state(const char *value, struct pairs_filter *filter)
{
	static char why[256]; /* the main thread's */
	char known[200];

	filter->state = value;
	for (size_t i = 0; pairs_states[i] != NULL; i++) {
		if (strcmp(pairs_states[i], value) == 0) {
			return NULL;
		}
	}
	(void)snprintf(why, sizeof(why), "there is no such state; known are %s",
		words_list(pairs_states, known, sizeof(known)));
	return why;
}

/** Reads one parameter. Returns what is wrong, or NULL. */
static const char *read_parameter(struct pairs_query *query, const char *name, const char *value)
{
	struct pairs_filter *filter = &query->filter;

	if (strcmp(name, "all") == 0) {
		return read_flag(value, &query->is_all);
	}
	if (strcmp(name, "limit") == 0) {
		const char *why = pairs_query_number(value, &query->limit);

		return why == NULL && query->limit == 0 ? "it must be more than 0" : why;
	}
	if (strcmp(name, "after") == 0) {
		query->has_page = true;
		return pairs_query_number(value, &query->after);
	}
	if (strcmp(name, "tcp_info") == 0) {
		query->has_page = true;
		return read_flag(value, &query->asks_tcp);
	}
	if (*value == '\0') {
		return "it is empty; write a value, or leave it out";
	}
	query->has_filter = true;
	if (strcmp(name, "listener") == 0) {
		filter->listener = value;
		return NULL;
	}
	if (strcmp(name, "upstream") == 0) {
		filter->upstream = value;
		return NULL;
	}
	if (strcmp(name, "server") == 0) {
		filter->server = value;
		return NULL;
	}
	if (strcmp(name, "state") == 0) {
		return read_state(value, filter);
	}
	if (strcmp(name, "client") == 0) {
		return read_client(value, filter);
	}
	if (strcmp(name, "idle_over") == 0) {
		return read_time(value, &filter->idle_over_ns);
	}
	if (strcmp(name, "older_than") == 0) {
		return read_time(value, &filter->older_than_ns);
	}
	return "there is no such filter; known are listener, client, upstream, server, idle_over, "
	       "older_than, state, limit, after and tcp_info";
}

/** Whether a parameter before the i-th one has the same name. */
static bool is_twice(const struct http_target *target, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(target->parameters[k].name, target->parameters[i].name) == 0) {
			return true;
		}
	}
	return false;
}

const char *pairs_query_read(
	const struct http_target *target, struct pairs_query *ret_query, const char **ret_name)
{
	*ret_query = (struct pairs_query){.limit = UINT64_MAX};
	for (size_t i = 0; i < target->n_parameters; i++) {
		const struct http_parameter *parameter = &target->parameters[i];
		const char *why = is_twice(target, i) ? "it may be there once"
						      : read_parameter(ret_query, parameter->name,
								parameter->value);

		if (why != NULL) {
			*ret_name = parameter->name;
			return why;
		}
	}
	return NULL;
}
