/* SPDX-License-Identifier: ISC */
#include "conf/prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

/* The room of an array of n: the next power of two. */
static size_t room_of(size_t n)
{
	size_t room = n == 0 ? 0 : 1;

	while (room < n) {
		room *= 2;
	}
	return room;
}

int conf_prefixes_add(struct conf_prefixes *list, const struct prefix *prefixes, size_t n)
{
	size_t room = room_of(list->n + n);

	if (room > room_of(list->n)) {
		struct prefix *more = reallocarray(list->prefixes, room, sizeof(*more));

		if (more == NULL) {
			return -ENOMEM;
		}
		list->prefixes = more;
	}
	if (n > 0) {
		memcpy(list->prefixes + list->n, prefixes, n * sizeof(*prefixes));
	}
	list->n += n;
	return 0;
}

int conf_prefixes_add_text(
	struct conf_prefixes *list, const char *text, char ret_why[PREFIX_WHY_MAX])
{
	struct prefix prefix;

	if (strcmp(text, "any") == 0) {
		list->any = true;
		return 0;
	}
	if (strcmp(text, "unix") == 0) {
		list->unix_peers = true;
		return 0;
	}
	if (prefix_parse(text, &prefix, ret_why) < 0) {
		return -EINVAL;
	}
	return conf_prefixes_add(list, &prefix, 1);
}
