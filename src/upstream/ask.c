/* SPDX-License-Identifier: ISC */
#include "upstream/ask.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "upstream/maglev.h"

void group_ask_name(struct group_ask *ask, const uint8_t *name, size_t n)
{
	uint8_t key[MAGLEV_NAME_MAX];

	assert(n <= sizeof(key));
	for (size_t i = 0; i < n; i++) {
		key[i] = text_lower(name[i]);
	}
	ask->has_name = true;
	ask->name_hash = maglev_hash(key, n);
}

int group_tried_add(struct group_tried *tried, const struct server *server)
{
	if (tried->n == tried->room) {
		uint32_t room = tried->room == 0 ? 4 : tried->room * 2;
		uint64_t *ids = reallocarray(tried->ids, room, sizeof(*ids));

		if (ids == NULL) {
			return -ENOMEM;
		}
		tried->ids = ids;
		tried->room = room;
	}
	tried->ids[tried->n++] = server->id;
	return 0;
}

void group_tried_clear(struct group_tried *tried)
{
	free(tried->ids);
	*tried = (struct group_tried){0};
}
