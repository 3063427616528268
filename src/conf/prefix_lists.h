/* SPDX-License-Identifier: ISC */
/*
 * Reads lists of prefixes, as written in a config: prefixes, addresses, "unix", "any", and files.
 * Private to conf.
 *
 * Equal lists share one object, so that a hundred listeners with the same list need its memory
 * once.
 */
#ifndef WEIR_CONF_PREFIX_LISTS_H
#define WEIR_CONF_PREFIX_LISTS_H

#include "conf/reader.h"

struct conf_key;

/** Reads a list of prefixes, from a string or an array, into `object`. */
void conf_read_prefixes(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object);

#endif
