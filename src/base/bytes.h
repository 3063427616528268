/* SPDX-License-Identifier: ISC */
/* A byte buffer that grows at its end. Zeroed: empty. */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	char *at;
	size_t n;
	size_t room;
	bool failed; /**< memory ran out: the content must not be used */
};

void bytes_add(struct bytes *bytes, const void *data, size_t n);

void bytes_add_text(struct bytes *bytes, const char *text);

void bytes_free(struct bytes *bytes);

#endif
