/* SPDX-License-Identifier: ISC */
#include "conf/preset.h"

#include <assert.h>
#include <stddef.h>

#include "conf/schema.h"
#include "conf/value.h"

/* Defaults are part of the program, so they cannot be refused. */
void conf_preset(const char *schema, void *object)
{
	char why[CONF_WHY_MAX];

	for (size_t i = 0; i < conf_schema_len; i++) {
		const struct conf_key *key = &conf_schema[i];

		if (key->preset != NULL && conf_schema_within(key, schema)) {
			int r = conf_value_set(key, key->preset, object, why);

			assert(r == 0);
		}
	}
}
