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
	bool has_page; /**< `after` or `tcp_info` was there, which DELETE does not take */
};

/** What is wrong, a text that is valid until the next call, and in which parameter; NULL: nothing
 * is. */
const char *pairs_query_read(
	const struct http_target *target, struct pairs_query *ret_query, const char **ret_name);

/** Reads a number from 0 up. What is wrong with it; NULL: nothing. */
const char *pairs_query_number(const char *value, uint64_t *ret_n);

#endif
