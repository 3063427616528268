/* SPDX-License-Identifier: ISC */
#include "upstream/ask.h"

#include <errno.h>
#include <stdlib.h>

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
