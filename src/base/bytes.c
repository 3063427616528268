/* SPDX-License-Identifier: ISC */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 4096 };

void bytes_add(struct bytes *bytes, const void *data, size_t n)
{
	if (bytes->failed || n == 0) {
		return;
	}
	if (n > bytes->room - bytes->n) {
		size_t room = 2 * bytes->room + n + ROOM_MIN;
		char *more = realloc(bytes->at, room);

		if (more == NULL) {
			bytes->failed = true;
			return;
		}
		bytes->at = more;
		bytes->room = room;
	}
	memcpy(bytes->at + bytes->n, data, n);
	bytes->n += n;
}

void bytes_add_text(struct bytes *bytes, const char *text)
{
	bytes_add(bytes, text, strlen(text));
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bytes){0};
}
