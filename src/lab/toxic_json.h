/* SPDX-License-Identifier: ISC */
/*
 * Toxics as the API reads and shows them.
 *
 *	{"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1,
 *	 "attributes": {"latency": 1000, "jitter": 0}}
 *
 * In attributes of toxiproxy's types what is unknown is ignored; in those of weirlab's own it is
 * an error that names the field and what may stand there.
 */
#ifndef WEIR_LAB_TOXIC_JSON_H
#define WEIR_LAB_TOXIC_JSON_H

#include <jansson.h>

struct answer;
struct toxic;

/** Reads one that is to be made. NULL, and the error in `answer`. */
struct toxic *toxic_json_new(json_t *json, struct answer *answer);

/** Changes attributes and toxicity; none of it where one is wrong. 0, or -EINVAL and the error. */
int toxic_json_update(struct toxic *toxic, json_t *json, struct answer *answer);

/** NULL: no memory. */
json_t *toxic_json_show(const struct toxic *toxic);

#endif
