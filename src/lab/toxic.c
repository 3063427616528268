/* SPDX-License-Identifier: ISC */
#include "lab/toxic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct toxic *toxic_new(
	const struct toxic_type *type, const char *name, enum direction direction, double toxicity)
{
	size_t n = strlen(name) + 1;
	struct toxic *toxic = calloc(1, sizeof(*toxic) + n);

	if (toxic == NULL) {
		return NULL;
	}
	list_init(&toxic->link);
	toxic->type = type;
	toxic->direction = direction;
	(void)snprintf(toxic->stream, sizeof(toxic->stream), "%s", direction_text(direction));
	toxic->toxicity = toxicity;
	for (size_t i = 0; type->attributes[i].name != NULL; i++) {
		toxic->values[i] = type->attributes[i].value;
	}
	memcpy(toxic->name, name, n);
	return toxic;
}

struct toxic *toxic_free(struct toxic *toxic)
{
	free(toxic);
	return NULL;
}

const char *direction_text(enum direction direction)
{
	return direction == UPSTREAM ? "upstream" : "downstream";
}
