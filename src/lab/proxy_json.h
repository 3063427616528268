/* SPDX-License-Identifier: ISC */
/*
 * Proxies as the API reads and shows them, and what it does with them.
 *
 *	{"name": "redis", "listen": "127.0.0.1:26379", "upstream": "127.0.0.1:6379",
 *	 "enabled": true, "toxics": [...]}
 *
 * `toxics` makes toxics together with the proxy: either all of it is made or nothing. In an update
 * it is ignored, since clients send back what they got.
 */
#ifndef WEIR_LAB_PROXY_JSON_H
#define WEIR_LAB_PROXY_JSON_H

#include <jansson.h>

struct answer;
struct lab;
struct proxy;
struct toxic;

/** NULL: there is none. */
struct proxy *proxy_json_find(const struct lab *lab, const char *name);

/** Makes one. NULL, and the error in `answer`. */
struct proxy *proxy_json_create(struct lab *lab, json_t *json, struct answer *answer);

/** Makes a toxic of one. NULL, and the error in `answer`. */
struct toxic *proxy_json_add_toxic(struct proxy *proxy, json_t *json, struct answer *answer);

/** 0, or -EINVAL and the error. */
int proxy_json_update(struct proxy *proxy, json_t *json, struct answer *answer);

/**
 * Makes all of an array: one that is there with other addresses is replaced, an equal one stays as
 * it is. All are looked at before the first is made. The answer is complete either way: those that
 * are there now, and the error, if one could not be made.
 */
void proxy_json_populate(struct lab *lab, json_t *json, struct answer *answer);

/** NULL: no memory. */
json_t *proxy_json_show(const struct proxy *proxy);

/** The toxics alone. */
json_t *proxy_json_show_toxics(const struct proxy *proxy);

#endif
