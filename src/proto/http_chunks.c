/* SPDX-License-Identifier: ISC */
#include "proto/http_chunks.h"

#include <errno.h>
#include <stdbool.h>

#include "proto/http_line.h"

enum { DIGITS_MAX = 15 }; /* a number of so many digits always fits */

/** -1: it is not a digit. */
static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(uint8_t c)
{
	return (c >= ' ' || c == '\t') && c != 0x7f;
}

/** What is wrong if a byte does not fit this state. */
static const char *complaint(enum http_chunk_state state)
{
	switch (state) {
	case HTTP_CHUNK_SIZE:
		return "a chunk does not begin with its size, in at most 15 hexadecimal digits";
	case HTTP_CHUNK_SIZE_BLANK:
		return "what follows a chunk's size must begin with ';'";
	case HTTP_CHUNK_DATA_CR:
	case HTTP_CHUNK_DATA_LF:
		return "a chunk is longer than its size, or does not end with CR LF";
	case HTTP_CHUNK_TRAILER:
	case HTTP_CHUNK_TRAILER_NAME:
		return "a line of the trailers is not 'Name: value', the colon right after the "
		       "name";
	case HTTP_CHUNK_TRAILER_VALUE:
		return "the trailers have a control character";
	default:
		return "each line of a body in chunks must end with CR LF, and have no control "
		       "character";
	}
}

/** Takes a byte of the line with a chunk's size. Returns whether it fits. */
static bool look_at_size(struct http_chunks *chunks, uint8_t c)
{
	int digit = chunks->state == HTTP_CHUNK_SIZE ? digit_of(c) : -1;

	if (digit >= 0) {
		chunks->left = chunks->left << 4 | (unsigned int)digit;
		return ++chunks->n_digits <= DIGITS_MAX;
	}
	if (chunks->n_digits == 0) {
		return false;
	}
	if (c == '\r') {
		chunks->state = HTTP_CHUNK_SIZE_LF;
		return true;
	}
	if (chunks->state == HTTP_CHUNK_EXTENSION) {
		return is_text(c);
	}
	chunks->state = c == ';' ? HTTP_CHUNK_EXTENSION : HTTP_CHUNK_SIZE_BLANK;
	return c == ';' || c == ' ' || c == '\t';
}

static bool look_at_trailer(struct http_chunks *chunks, uint8_t c)
{
	if (chunks->state == HTTP_CHUNK_TRAILER_VALUE) {
		chunks->state = c == '\r' ? HTTP_CHUNK_TRAILER_LF : chunks->state;
		return c == '\r' || is_text(c);
	}
	if (chunks->state == HTTP_CHUNK_TRAILER && c == '\r') {
		chunks->state = HTTP_CHUNK_LAST_LF;
		return true;
	}
	if (chunks->state == HTTP_CHUNK_TRAILER_NAME && c == ':') {
		chunks->state = HTTP_CHUNK_TRAILER_VALUE;
		return true;
	}
	chunks->state = HTTP_CHUNK_TRAILER_NAME;
	return http_is_token(c);
}

/**
 * Takes a CR or LF of a line end, which must be `wanted`. If it is, the state is `next`. Returns
 * whether it is.
 */
static bool expect(
	struct http_chunks *chunks, uint8_t c, uint8_t wanted, enum http_chunk_state next)
{
	chunks->state = c == wanted ? next : chunks->state;
	return c == wanted;
}

/** Takes any byte except data. Returns whether it fits. */
static bool look_at_byte(struct http_chunks *chunks, uint8_t c)
{
	switch (chunks->state) {
	case HTTP_CHUNK_SIZE:
	case HTTP_CHUNK_SIZE_BLANK:
	case HTTP_CHUNK_EXTENSION:
		return look_at_size(chunks, c);
	case HTTP_CHUNK_SIZE_LF:
		return expect(
			chunks, c, '\n', chunks->left == 0 ? HTTP_CHUNK_TRAILER : HTTP_CHUNK_DATA);
	case HTTP_CHUNK_DATA_CR:
		return expect(chunks, c, '\r', HTTP_CHUNK_DATA_LF);
	case HTTP_CHUNK_DATA_LF:
		chunks->n_digits = 0;
		return expect(chunks, c, '\n', HTTP_CHUNK_SIZE);
	case HTTP_CHUNK_TRAILER_LF:
		return expect(chunks, c, '\n', HTTP_CHUNK_TRAILER);
	case HTTP_CHUNK_LAST_LF:
		return expect(chunks, c, '\n', HTTP_CHUNK_OVER);
	default:
		return look_at_trailer(chunks, c);
	}
}

ptrdiff_t http_chunks_look(struct http_chunks *chunks, struct span bytes, const char **ret_why)
{
	size_t at = 0;

	while (at < bytes.n && chunks->state != HTTP_CHUNK_OVER) {
		enum http_chunk_state state = chunks->state;

		if (state == HTTP_CHUNK_DATA) {
			size_t n = bytes.n - at;

			n = n < chunks->left ? n : (size_t)chunks->left;
			at += n;
			chunks->left -= n;
			chunks->state = chunks->left == 0 ? HTTP_CHUNK_DATA_CR : state;
			continue;
		}
		if (!look_at_byte(chunks, bytes.bytes[at])) {
			*ret_why = complaint(state);
			return -EBADMSG;
		}
		at++;
	}
	return (ptrdiff_t)at;
}
