/* SPDX-License-Identifier: ISC */
#include "proto/proxy_header_private.h"

#include <errno.h>
#include <string.h>

void proxy_address_set_inet(struct proxy_address *address, const void *bytes, in_port_t port)
{
	*address = (struct proxy_address){.len = sizeof(address->sa.in)};
	address->sa.in.sin_family = AF_INET;
	address->sa.in.sin_port = port;
	memcpy(&address->sa.in.sin_addr, bytes, sizeof(address->sa.in.sin_addr));
}

void proxy_address_set_inet6(struct proxy_address *address, const void *bytes, in_port_t port)
{
	struct in6_addr in6;

	memcpy(&in6, bytes, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		proxy_address_set_inet(address, in6.s6_addr + 12, port);
		return;
	}
	*address = (struct proxy_address){.len = sizeof(address->sa.in6)};
	address->sa.in6.sin6_family = AF_INET6;
	address->sa.in6.sin6_port = port;
	address->sa.in6.sin6_addr = in6;
}

int proxy_header_parse(
	const void *bytes, size_t n, struct proxy_header *ret_header, const char **ret_why)
{
	struct span span = {bytes, n};
	struct proxy_header header = {0};
	const char *why = PROXY_HEADER_NOT_BEGUN;
	int r = -EBADMSG;

	if (n == 0) {
		return 0;
	}
	if (span.bytes[0] == 'P') {
		r = proxy_header_read_v1(span, &header, &why);
	} else if (span.bytes[0] == PROXY_HEADER_SIGNATURE[0]) {
		r = proxy_header_read_v2(span, &header, &why);
	}
	if (r > 0) {
		*ret_header = header;
	} else if (r < 0) {
		*ret_why = why;
	}
	return r;
}
