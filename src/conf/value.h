/* SPDX-License-Identifier: ISC */
/*
 * Private to the files that read values. Each function sets one value from its text, and returns
 * like conf_value_set(); -EINVAL or -ERANGE with `why`: the text was refused.
 */
#ifndef WEIR_CONF_VALUE_H
#define WEIR_CONF_VALUE_H

#include <stdint.h>

#include "conf/read.h"

struct addr;
struct conf_key;

/** Writes what is wrong with a text. Returns -EINVAL. */
int conf_refuse(char why[CONF_WHY_MAX], const char *text, const char *what);

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
