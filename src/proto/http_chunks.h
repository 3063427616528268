/* SPDX-License-Identifier: ISC */
/*
 * Checks the framing of a chunked body before the parser gets it, byte by byte and by RFC 9112,
 * 7.1: the parser accepts any two bytes as a line end. Of an extension, which begins with ';', only
 * control characters are refused. Blanks may also stand between a size and its line end. Pure
 * functions; private to proto/http.
 */
#ifndef WEIR_PROTO_HTTP_CHUNKS_H
#define WEIR_PROTO_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

enum http_chunk_state {
	HTTP_CHUNK_SIZE,       /* also the state of a zeroed one */
	HTTP_CHUNK_SIZE_BLANK, /* a blank came after the size */
	HTTP_CHUNK_EXTENSION,
	HTTP_CHUNK_SIZE_LF,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_DATA_CR,
	HTTP_CHUNK_DATA_LF,
	HTTP_CHUNK_TRAILER, /* at the beginning of a trailer line */
	HTTP_CHUNK_TRAILER_NAME,
	HTTP_CHUNK_TRAILER_VALUE,
	HTTP_CHUNK_TRAILER_LF,
	HTTP_CHUNK_LAST_LF,
	HTTP_CHUNK_OVER,
};

/** Zeroed: before the first byte of a body. */
struct http_chunks {
	enum http_chunk_state state;
	unsigned int n_digits; /* of the size */
	uint64_t left;         /* of the chunk */
};

/**
 * Checks more of a body. Returns how many of the bytes belong to it, which is all of them except at
 * its end. -EBADMSG and *ret_why: it is malformed.
 */
ptrdiff_t http_chunks_look(struct http_chunks *chunks, struct span bytes, const char **ret_why);

#endif
