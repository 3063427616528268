/* SPDX-License-Identifier: ISC */
/*
 * TLS hellos from any bytes. The parser takes a hello only as a whole, whatever bytes follow it.
 * The same hello in other records is read as the same. What a hello points to lies in the scratch
 * buffer.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[CLIENT_HELLO_MAX];

static int parse(const uint8_t *data, size_t size, struct client_hello *ret_hello)
{
	const char *why = NULL;
	int r = client_hello_parse(data, size, scratch, ret_hello, &why);

	assert(r == -EBADMSG || r == -EPROTONOSUPPORT ||
		(r >= 0 && (size_t)r <= size && r <= CLIENT_HELLO_MAX));
	assert((why != NULL) == (r < 0));
	return r;
}

/* A part of a right hello is incomplete. A part of a wrong one may be wrong already; then every
 * longer part is wrong, too. */
static void check_parts(const uint8_t *data, size_t size, int result)
{
	size_t end = result > 0 ? (size_t)result : size;
	struct client_hello hello;
	int before = 0;

	for (size_t n = end > 300 ? end - 300 : 0; n < end; n++) {
		int r = parse(data, n, &hello);

		assert(r <= before && (result < 0 || r == 0));
		before = r;
	}
	assert(result >= 0 || before == 0 || before == result);
}

static void check_span(struct span span)
{
	assert(span.bytes == NULL ||
		(span.bytes >= scratch && span.n <= sizeof(scratch) &&
			(size_t)(span.bytes - scratch) <= sizeof(scratch) - span.n));
}

static void check_hello(const struct client_hello *hello)
{
	struct span alpn = hello->alpn;
	struct span protocol;

	check_span(hello->name);
	check_span(hello->alpn);
	check_span(hello->versions);
	assert(hello->name.n <= CLIENT_HELLO_NAME_MAX && hello->versions.n % 2 == 0);
	while (client_hello_next_protocol(&alpn, &protocol)) {
		assert(protocol.n > 0);
	}
	assert(alpn.n == 0);
}

/* Splits the message in scratch into records of one byte and of 255 bytes alternately, and parses
 * these. */
static void check_split(const struct client_hello *hello)
{
	static uint8_t split[CLIENT_HELLO_MAX];
	static uint8_t message[CLIENT_HELLO_MAX];
	size_t n = 4 + ((size_t)scratch[1] << 16 | (size_t)scratch[2] << 8 | scratch[3]);
	struct client_hello again;
	size_t len = 0;

	memcpy(message, scratch, n);
	for (size_t at = 0, part = 1; at < n; part = part == 1 ? 255 : 1) {
		part = part < n - at ? part : n - at;
		if (len + 5 + part > sizeof(split)) {
			return;
		}
		memcpy(split + len, "\x16\3\1", 4);
		split[len + 4] = (uint8_t)part;
		memcpy(split + len + 5, message + at, part);
		len += 5 + part;
		at += part;
	}
	assert(parse(split, len, &again) == (int)len);
	assert(again.name.bytes == hello->name.bytes && again.name.n == hello->name.n);
	assert(again.alpn.bytes == hello->alpn.bytes && again.alpn.n == hello->alpn.n);
	assert(again.version == hello->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_hello hello;
	int r = parse(data, size, &hello);

	check_parts(data, size, r);
	if (r > 0) {
		assert(parse(data, (size_t)r, &hello) == r);
		check_hello(&hello);
		check_split(&hello);
	}
	return 0;
}
