/* SPDX-License-Identifier: ISC */
/* What weir says at a moment, and how fast that has grown since the one before. Private to top. */
#ifndef WEIR_CTL_TOP_SAMPLE_H
#define WEIR_CTL_TOP_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ask.h"

enum { TOP_PAIRS_MAX = 20000 /**< that are looked at */ };

#define TOP_NEVER_MS ((json_int_t)INT64_MAX)

/** One pair. */
struct top_pair {
	json_int_t id;
	const json_t *json;
	double up; /**< bytes a second since the last look, or since it relays */
	double down;
	json_int_t bytes_up;
	json_int_t bytes_down;
	json_int_t silent_ms; /**< since a byte, either way; or since it was accepted */
	json_int_t age_ms;
	json_int_t due_ms; /**< until the next timer; TOP_NEVER_MS: none runs */
	json_int_t waiting;
};

struct top_pairs {
	uint64_t at_ns;   /**< 0: never looked at */
	uint64_t took_ns; /**< to ask for them */
	json_t *json;
	struct top_pair *all; /**< n, by id */
	size_t n;
	bool more; /**< than TOP_PAIRS_MAX */
};

struct top_numbers {
	uint64_t begin_ns; /**< when it was asked for */
	uint64_t at_ns;    /**< when all was there; 0: never looked at */
	json_t *status;
	json_t *listeners;
	json_t *upstreams;
};

/** 0, and the new ones in place of the old ones; or a negative errno, and why was told to ask->err.
 * `target` is that of the pairs, with its filters. */
int top_numbers_take(
	struct top_numbers *numbers, struct top_numbers *before, const struct ask *ask);
int top_pairs_take(struct top_pairs *pairs, const struct ask *ask, const char *target);

void top_numbers_fini(struct top_numbers *numbers);
void top_pairs_fini(struct top_pairs *pairs);

/** How much more a second something is than it was before. */
double top_rate(const struct top_numbers *now, const struct top_numbers *before, json_int_t count,
	json_int_t count_before);

/** The listener of this name; NULL: none. */
const json_t *top_listener(const struct top_numbers *numbers, const char *name);

/** Bytes of a listener, copied and spliced; `way` is "up" or "down". NULL has none. */
json_int_t top_listener_bytes(const json_t *listener, const char *way);

/** Whether weir was started between the two. */
bool top_is_restarted(const struct top_numbers *now, const struct top_numbers *before);

#endif
