/* SPDX-License-Identifier: ISC */
/*
 * PROXY headers from any bytes. The parser takes a header only as a whole, whatever bytes follow
 * it. A header that is built from the result is read as the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const uint8_t *data, size_t size, struct proxy_header *ret_header)
{
	const char *why = NULL;
	int r = proxy_header_parse(data, size, ret_header, &why);

	assert(r == -EBADMSG || (r >= 0 && (size_t)r <= size && r <= PROXY_HEADER_V2_MAX));
	assert((why != NULL) == (r < 0));
	return r;
}

/* A part of a right header is incomplete. A part of a wrong one may be wrong already; then every
 * longer part is wrong, too. */
static void check_parts(const uint8_t *data, size_t size, int result)
{
	size_t end = result > 0 ? (size_t)result : size;
	size_t from = end > 300 ? end - 300 : 0;
	struct proxy_header header;
	int before = 0;

	for (size_t n = from; n < end; n++) {
		int r = parse(data, n, &header);

		assert(r <= before && (result < 0 || r == 0));
		before = r;
	}
	assert(result >= 0 || before == 0 || before == result);
}

static void check_span(struct span a, struct span b)
{
	assert((a.bytes == NULL) == (b.bytes == NULL) && a.n == b.n);
	assert(a.n == 0 || memcmp(a.bytes, b.bytes, a.n) == 0);
}

static void check_address(const struct proxy_address *a, const struct proxy_address *b)
{
	assert(a->len == b->len && a->len <= sizeof(a->sa) && memcmp(&a->sa, &b->sa, a->len) == 0);
}

static void check_again(const struct proxy_header *header)
{
	static uint8_t out[PROXY_HEADER_V2_MAX];
	struct proxy_header again;
	int n = proxy_header_build(header, out, sizeof(out));

	/* Only a header that is nearly as long as allowed may find no room. */
	if (n == -EMSGSIZE) {
		assert(header->version == 2 && header->tlvs.n > PROXY_HEADER_V2_MAX - 300);
		return;
	}
	assert(n > 0 && parse(out, (size_t)n, &again) == n);
	assert(again.version == header->version && again.who == header->who);
	assert(again.has_checksum == header->has_checksum);
	check_address(&header->source, &again.source);
	check_address(&header->destination, &again.destination);
	check_span(header->authority, again.authority);
	check_span(header->alpn, again.alpn);
	check_span(header->unique_id, again.unique_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	struct proxy_header alone;
	int r = parse(data, size, &header);

	check_parts(data, size, r);
	if (r > 0) {
		assert(parse(data, (size_t)r, &alone) == r);
		check_again(&header);
	}
	return 0;
}
