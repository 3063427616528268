/* SPDX-License-Identifier: ISC */
/*
 * The JSON of proxies in the API, and the operations of the API on proxies.
 *
 *	{"name": "redis", "listen": "127.0.0.1:26379", "upstream": "127.0.0.1:6379",
 *	 "enabled": true, "toxics": [...]}
 *
 * If `toxics` is given when a proxy is created, the proxy is created with these toxics, or not at
 * all. In an update it is ignored, because clients send back what they have read.
 */
#ifndef WEIR_LAB_PROXY_JSON_H
#define WEIR_LAB_PROXY_JSON_H

#include <jansson.h>

struct answer;
struct lab;
struct proxy;
struct toxic;

/** The proxy with this name; NULL: there is none. */
struct proxy *proxy_json_find(const struct lab *lab, const char *name);

/** Creates a proxy. NULL, and the error in `answer`. */
struct proxy *proxy_json_create(struct lab *lab, json_t *json, struct answer *answer);

/** Adds a toxic to a proxy. NULL, and the error in `answer`. */
struct toxic *proxy_json_add_toxic(struct proxy *proxy, json_t *json, struct answer *answer);

/** Updates a proxy. 0, or -EINVAL and the error in `answer`. */
int proxy_json_update(struct proxy *proxy, json_t *json, struct answer *answer);

/**
 * Creates all proxies of an array. An existing proxy with the same name is replaced if its
 * addresses differ, and otherwise left alone. All are checked before the first is created. Fills in
 * the whole `answer`: the proxies of the array that exist now, and the error if one could not be
 * created.
 */
void proxy_json_populate(struct lab *lab, json_t *json, struct answer *answer);

/** Makes the JSON of a proxy. NULL: no memory. */
json_t *proxy_json_show(const struct proxy *proxy);

/** Makes the JSON of its toxics only. NULL: no memory. */
json_t *proxy_json_show_toxics(const struct proxy *proxy);

#endif
