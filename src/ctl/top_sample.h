/* SPDX-License-Identifier: ISC */
/* Samples: the numbers of weir at a moment, and how fast they have grown since the sample before.
 * Private to top. */
#ifndef WEIR_CTL_TOP_SAMPLE_H
#define WEIR_CTL_TOP_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ask.h"

enum { TOP_PAIRS_MAX = 20000 /**< pairs that are fetched */ };

/** What to do if there is no memory for the pairs. */
#define TOP_MEMORY_REMEDY "free some, or filter the pairs"

#define TOP_NEVER_MS      ((json_int_t)INT64_MAX)

/** One pair. */
struct top_pair {
	json_int_t id;
	const json_t *json;
	double up; /**< bytes a second since the last sample, or since relaying began */
	double down;
	json_int_t bytes_up;
	json_int_t bytes_down;
	json_int_t silent_ms; /**< since the last byte in either direction, or since accept */
	json_int_t age_ms;
	json_int_t due_ms; /**< time until the next timer; TOP_NEVER_MS: none runs */
	json_int_t waiting;
};

struct top_pairs {
	uint64_t at_ns;   /**< when they were fetched; 0: never */
	uint64_t took_ns; /**< how long fetching them took */
	json_t *json;
	struct top_pair *all; /**< n of them, sorted by id */
	size_t n;
	bool more; /**< there are more than TOP_PAIRS_MAX */
};

struct top_numbers {
	uint64_t begin_ns; /**< when the request was sent */
	uint64_t at_ns;    /**< when all answers had arrived; 0: never */
	json_t *status;
	json_t *listeners;
	json_t *upstreams;
};

/** Fetch new numbers or pairs in place of the old ones; the old numbers move to `before`. 0, or a
 * negative errno, with the reason written to ask->err: nothing has changed. `target` is that of the
 * pairs, with the filters. */
int top_numbers_take(
	struct top_numbers *numbers, struct top_numbers *before, const struct ask *ask);
int top_pairs_take(struct top_pairs *pairs, const struct ask *ask, const char *target);

void top_numbers_fini(struct top_numbers *numbers);
void top_pairs_fini(struct top_pairs *pairs);

/** By how much a count has grown each second between the two samples. */
double top_rate(const struct top_numbers *now, const struct top_numbers *before, json_int_t count,
	json_int_t count_before);

/** The listener of this name; NULL: none. */
const json_t *top_listener(const struct top_numbers *numbers, const char *name);

/** The bytes of a listener, copied and spliced; `way` is "up" or "down". 0 for NULL. */
json_int_t top_listener_bytes(const json_t *listener, const char *way);

/** Whether weir was restarted between the two samples. */
bool top_is_restarted(const struct top_numbers *now, const struct top_numbers *before);

#endif
