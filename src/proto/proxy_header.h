/* SPDX-License-Identifier: ISC */
/*
 * The header of the PROXY protocol, versions 1 and 2: what a proxy says of the client for whom it
 * connects. By the letter of the specification, proxy-protocol.txt, 2.1 and 2.2: what it forbids is
 * malformed. Where it leaves the receiver free, docs/decisions/0190 says what is done here.
 *
 * Codecs without I/O: they neither read nor keep anything, and know neither who may be believed
 * nor how long is waited for the rest. Pure.
 */
#ifndef WEIR_PROTO_PROXY_HEADER_H
#define WEIR_PROTO_PROXY_HEADER_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "proto/span.h"

enum {
	PROXY_HEADER_V1_MAX = 107,       /**< 2.1: with its CRLF */
	PROXY_HEADER_V2_MAX = 4096,      /**< ours: 2.2 allows 16 + 65535 */
	PROXY_HEADER_UNIQUE_ID_MAX = 128 /**< 2.2.5 */
};

/** Who is on the connection. */
enum proxy_header_who {
	PROXY_HEADER_LOCAL,  /**< version 2: the proxy itself, say for a check */
	PROXY_HEADER_UNSPEC, /**< a client of which it does not know more than we */
	PROXY_HEADER_CLIENT, /**< the one that has the address */
};

/** IPv4-mapped IPv6 is IPv4 here. A UNIX client without a name has the length of sa_family_t. */
struct proxy_address {
	socklen_t len; /**< as in struct addr; 0: none */
	union addr_sockaddr sa;
};

struct proxy_header {
	unsigned int version; /**< 1 or 2 */
	enum proxy_header_who who;
	struct proxy_address source; /**< of PROXY_HEADER_CLIENT, as the next */
	struct proxy_address destination;
	/* Version 2, borrowed from the header; of a type that is there twice, the first. */
	struct span authority; /**< any bytes */
	struct span alpn;      /**< any bytes */
	struct span unique_id;
	struct span tlvs;  /**< all of them, as they stand */
	bool has_checksum; /**< which was right */
};

/**
 * Reads a header from the first bytes of a connection. Its length, and *ret_header, which borrows
 * `bytes`; 0: so far it is right, and not complete; -EBADMSG and *ret_why, a constant text that
 * fits the end of an error line: no bytes behind these make it right.
 */
int proxy_header_parse(
	const void *bytes, size_t n, struct proxy_header *ret_header, const char **ret_why);

/**
 * Writes a header of header->version into `size` bytes; its length. -EMSGSIZE: there is no room, or
 * it would be longer than PROXY_HEADER_V2_MAX, which needs long TLVs; PROXY_HEADER_V1_MAX bytes are
 * enough for version 1.
 *
 * Addresses of two families: IPv4 and IPv6 become IPv6; other pairs, and in version 1 UNIX
 * addresses, are not told ("UNKNOWN", UNSPEC). PROXY_HEADER_LOCAL is the addresses in version 1,
 * which does not know it (2.1), and nothing else in version 2.
 *
 * Of `tlvs`, say those of the client's header, a checksum is left out, and of authority, alpn and
 * unique_id what is given beside. Without a checksum no bytes are made anew: `has_checksum`
 * asks for one.
 */
int proxy_header_build(const struct proxy_header *header, void *out, size_t size);

#endif
