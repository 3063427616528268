/* SPDX-License-Identifier: ISC */
#include "conf/names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/report.h"
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

static const struct setting *place(const struct names *names, size_t i, char key[CONF_PATH_MAX])
{
	if (names->place != NULL) {
		return names->place(names, i, key);
	}
	(void)snprintf(key, CONF_PATH_MAX, "%s[%zu].name", names->shown, i);
	return setting_member(names->list->elements[i], "name");
}

/* Reports that element i has the same name as j, which is before it. */
static void report(struct conf_reader *reader, const struct names *names, size_t i, size_t j)
{
	const char *name = names->all[i];
	char other_key[CONF_PATH_MAX];
	char key[CONF_PATH_MAX];
	const struct setting *other = place(names, j, other_key);
	const struct setting *setting = place(names, i, key);
	char where[CONF_WHERE_MAX];

	if (names->place != NULL && strcmp(strrchr(other_key, '.'), ".server") == 0) {
		return; /* two listeners have the same name, which was reported */
	}
	*strrchr(other_key, '.') = '\0'; /* the key of the element, not of its name */
	if (names->place != NULL && strcmp(strrchr(key, '.'), ".server") == 0) {
		conf_reader_error(reader, setting, key,
			"makes an upstream \"%s\", and %s%s has that name already; write another "
			"name for one of them, or upstream in the place of server",
			name, other_key, conf_where(reader, setting, other, where));
	} else {
		conf_reader_error(reader, setting, key,
			"\"%s\" is the name of %s%s already; write another one", name, other_key,
			conf_where(reader, setting, other, where));
	}
}

void names_check(struct conf_reader *reader, struct names *names)
{
	names->all = calloc(names->n, sizeof(*names->all));
	reader->no_memory |= names->n > 0 && names->all == NULL;
	for (size_t i = 0; i < names->n && !reader->no_memory; i++) {
		const char *name = names->name(names, i);
		size_t j = name == NULL ? SIZE_MAX : names_find(names, name);

		names->all[i] = name;
		if (j != SIZE_MAX) {
			report(reader, names, i, j);
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
