/* SPDX-License-Identifier: ISC */
/*
 * What the files of values share: each sets one value from its text, as conf_value_set() says, and
 * -EINVAL or -ERANGE with `why` is a text that was refused. Private to them.
 */
#ifndef WEIR_CONF_VALUE_H
#define WEIR_CONF_VALUE_H

#include <stdint.h>

#include "conf/read.h"

struct addr;
struct conf_key;

/** Says what is wrong with a text; -EINVAL. */
int conf_refuse(char why[CONF_WHY_MAX], const char *text, const char *what);

/** A name in a ClientHello, or "*." and one: in lower case, on the heap. */
int conf_value_sni(const char *text, char **value, char why[CONF_WHY_MAX]);

/** A protocol in it, on the heap. */
int conf_value_alpn(const char *text, char **value, char why[CONF_WHY_MAX]);

/** A name in a Host header: in lower case, on the heap. */
int conf_value_host(const char *text, char **value, char why[CONF_WHY_MAX]);

/** The address of a door: for CONF_PATH a path, for CONF_DOOR anything that can be bound. */
int conf_value_door(
	const struct conf_key *key, const char *text, struct addr *value, char why[CONF_WHY_MAX]);

/** A number or a size a second. */
int conf_value_rate(
	const struct conf_key *key, const char *text, uint64_t *value, char why[CONF_WHY_MAX]);

#endif
