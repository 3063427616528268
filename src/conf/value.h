/* SPDX-License-Identifier: ISC */
/*
 * Sets one value of the config in the model, from its text and its row of the schema. If the text
 * is refused, the value is unchanged, and `why` says what is wrong and what to write instead.
 * Private to conf.
 */
#ifndef WEIR_CONF_VALUE_H
#define WEIR_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/errors.h"

struct addr;
struct conf_key;

/**
 * Sets the value of a scalar key in `object`, or one element of an array of CONF_RESOLVERS,
 * CONF_SNI, CONF_ALPN or CONF_HOSTS: then `object` is the element. `text` is the string without its
 * quotes, or the integer as written. 0; -ENOMEM; or -EINVAL and "what is wrong; what to write
 * instead" in `why`.
 */
int conf_value_set(
	const struct conf_key *key, const char *text, void *object, char why[CONF_WHY_MAX]);

/** Whether `text` begins with a number and a unit, "10k", where only a number belongs; says so in
 * `why`. */
bool conf_refuse_unit(const char *text, char why[CONF_WHY_MAX]);

/* ---- for value.c and find_control.c: each sets one value; all return as conf_value_set() ---- */

/** A name in a ClientHello, or "*." and a name; in lower case, malloc'd. */
int conf_value_sni(const char *text, char **value, char why[CONF_WHY_MAX]);

/** A protocol in a ClientHello; malloc'd. */
int conf_value_alpn(const char *text, char **value, char why[CONF_WHY_MAX]);

/** A name in a Host header; in lower case, malloc'd. */
int conf_value_host(const char *text, char **value, char why[CONF_WHY_MAX]);

/** The address of a door: for CONF_PATH a path, for CONF_DOOR anything that can be bound. */
int conf_value_door(
	const struct conf_key *key, const char *text, struct addr *value, char why[CONF_WHY_MAX]);

/** A number or a size per second. */
int conf_value_rate(
	const struct conf_key *key, const char *text, uint64_t *value, char why[CONF_WHY_MAX]);

#endif
