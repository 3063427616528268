/* SPDX-License-Identifier: ISC */
/*
 * The JSON of toxics in the API.
 *
 *	{"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1,
 *	 "attributes": {"latency": 1000, "jitter": 0}}
 *
 * An unknown attribute is ignored for toxiproxy's types. For weirlab's own types it is an error
 * that names the attributes of the type. A wrong value is an error, too; for weirlab's own types it
 * says which values the attribute may have.
 */
#ifndef WEIR_LAB_TOXIC_JSON_H
#define WEIR_LAB_TOXIC_JSON_H

#include <jansson.h>

struct answer;
struct toxic;

/** Makes a toxic from JSON. NULL, and the error in `answer`. */
struct toxic *toxic_json_new(json_t *json, struct answer *answer);

/** Changes attributes and toxicity, or nothing if one of them is wrong. 0, or -EINVAL and the error
 * in `answer`. */
int toxic_json_update(struct toxic *toxic, json_t *json, struct answer *answer);

/** Makes the JSON of a toxic. NULL: no memory. */
json_t *toxic_json_show(const struct toxic *toxic);

#endif
