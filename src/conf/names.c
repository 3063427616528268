/* SPDX-License-Identifier: ISC */
#include "conf/names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/read.h"
#include "conf/tree.h"

static bool is_name(const void *item, const void *name)
{
	return strcmp(*(const char *const *)item, name) == 0;
}

size_t names_find(const struct names *names, const char *name)
{
	const char *const *found = table_find(
		&names->table, hash_bytes(HASH_BEGIN, name, strlen(name)), is_name, name);

	return found == NULL ? SIZE_MAX : (size_t)(found - names->all);
}

void names_check(struct conf_reader *reader, struct names *names)
{
	names->all = calloc(names->n, sizeof(*names->all));
	reader->no_memory |= names->n > 0 && names->all == NULL;
	for (size_t i = 0; i < names->n && !reader->no_memory; i++) {
		const char *name = names->name(names, i);
		size_t j = name == NULL ? SIZE_MAX : names_find(names, name);
		char key[CONF_PATH_MAX];

		names->all[i] = name;
		if (j != SIZE_MAX) {
			(void)snprintf(key, sizeof(key), "%s[%zu].name", names->shown, i);
			conf_reader_error(reader, setting_member(names->list->elements[i], "name"),
				key, "\"%s\" is the name of %s[%zu] already; write another one",
				name, names->shown, j);
		} else if (name != NULL &&
			   table_add(&names->table, hash_bytes(HASH_BEGIN, name, strlen(name)),
				   &names->all[i]) < 0) {
			reader->no_memory = true;
		}
	}
}

void names_fini(struct names *names)
{
	table_fini(&names->table);
	free(names->all);
}
