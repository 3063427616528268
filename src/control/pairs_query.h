/* SPDX-License-Identifier: ISC */
/* Which pairs are asked for, as the query of a target says it. Pure; the main thread's. */
#ifndef WEIR_CONTROL_PAIRS_QUERY_H
#define WEIR_CONTROL_PAIRS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "crew/pairs.h"

struct http_target;

struct pairs_query {
	struct pairs_filter filter; /**< its texts are the target's */
	uint64_t limit;             /**< so many at most; UINT64_MAX: all */
	uint64_t after;             /**< only greater ids */
	bool asks_tcp;
	bool has_filter;
	bool is_all;
	bool has_page; /**< after or tcp_info was there: not of DELETE */
};

/** What is wrong, and which parameter is: a text until the next call; NULL: nothing. */
const char *pairs_query_read(
	const struct http_target *target, struct pairs_query *ret_query, const char **ret_name);

/** What is wrong with a number from 0; NULL: nothing. */
const char *pairs_query_number(const char *value, uint64_t *ret_n);

#endif
