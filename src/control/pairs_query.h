/* SPDX-License-Identifier: ISC */
/* Parses the query part of a target into a filter of pairs. No I/O. Main thread only. */
#ifndef WEIR_CONTROL_PAIRS_QUERY_H
#define WEIR_CONTROL_PAIRS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "crew/pairs.h"

struct http_target;

struct pairs_query {
	struct pairs_filter filter; /**< its texts are borrowed from the target */
	uint64_t limit;             /**< at most this many pairs; UINT64_MAX: all */
	uint64_t after;             /**< only pairs with greater ids */
	bool asks_tcp;
	bool has_filter;
	bool is_all;   /**< all=true, with which DELETE ends all pairs */
	bool has_page; /**< the query has `after` or `tcp_info`, which DELETE refuses */
};

/** Parses the query. NULL: it is valid; otherwise what is wrong, a text that is valid until the
 * next call, with the name of the parameter in *ret_name. */
const char *pairs_query_read(
	const struct http_target *target, struct pairs_query *ret_query, const char **ret_name);

/** Parses a number of at least 0. NULL: it is valid; otherwise what is wrong. */
const char *pairs_query_number(const char *value, uint64_t *ret_n);

#endif
