/* SPDX-License-Identifier: ISC */
/* Bytes that are written one piece behind the other, and taken away. Zeroed: none. */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	char *at;
	size_t n;
	size_t room;
	bool failed; /**< memory was short: they are not to be used */
};

void bytes_add(struct bytes *bytes, const void *data, size_t n);

void bytes_add_text(struct bytes *bytes, const char *text);

void bytes_free(struct bytes *bytes);

#endif
