/* SPDX-License-Identifier: ISC */
/*
 * The header of the PROXY protocol, versions 1 and 2: what a proxy says of the client for which it
 * connects. It follows the specification, proxy-protocol.txt, 2.1 and 2.2, exactly: what that
 * forbids is malformed. Where that leaves the receiver a choice, docs/decisions/0190 says what weir
 * does.
 *
 * Codecs without I/O: they keep no state, and know nothing of trust and timeouts. Pure functions.
 */
#ifndef WEIR_PROTO_PROXY_HEADER_H
#define WEIR_PROTO_PROXY_HEADER_H

#include <stddef.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "proto/span.h"

enum {
	PROXY_HEADER_V1_MAX = 107,       /**< 2.1: including its CRLF */
	PROXY_HEADER_V2_MAX = 4096,      /**< weir's limit: 2.2 allows 16 + 65535 */
	PROXY_HEADER_UNIQUE_ID_MAX = 128 /**< 2.2.5 */
};

/** Whom the connection belongs to. */
enum proxy_header_who {
	PROXY_HEADER_LOCAL,  /**< version 2: the proxy itself, for example for a check */
	PROXY_HEADER_UNSPEC, /**< a client whose address the proxy does not know or tell */
	PROXY_HEADER_CLIENT, /**< the client with the address `source` */
};

/**
 * IPv4-mapped IPv6 is stored as IPv4. A UNIX client without a name has the length of sa_family_t.
 */
struct proxy_address {
	socklen_t len; /**< as in struct addr; 0: none */
	union addr_sockaddr sa;
};

struct proxy_header {
	unsigned int version; /**< 1 or 2 */
	enum proxy_header_who who;
	struct proxy_address source; /**< this and the next: only for PROXY_HEADER_CLIENT */
	struct proxy_address destination;
	/* Version 2, borrowed from the header. If a type occurs twice, the first one counts. */
	struct span authority; /**< any bytes */
	struct span alpn;      /**< any bytes */
	struct span unique_id;
	struct span tlvs;  /**< all of them, unchanged */
	bool has_checksum; /**< there was one, and it was right */
};

/**
 * Reads a header from the first bytes of a connection. Returns its length and writes *ret_header,
 * which borrows `bytes`. 0: correct so far, but not complete. -EBADMSG: malformed, whatever bytes
 * follow; *ret_why is then a constant text that fits the end of an error line.
 */
int proxy_header_parse(
	const void *bytes, size_t n, struct proxy_header *ret_header, const char **ret_why);

/**
 * Writes a header of version header->version into `size` bytes. Returns its length. -EMSGSIZE:
 * there is no room, or it would be longer than PROXY_HEADER_V2_MAX, which needs long TLVs.
 * PROXY_HEADER_V1_MAX bytes are always enough for version 1.
 *
 * If the two addresses are of different families, IPv4 and IPv6 both become IPv6; other
 * combinations, and UNIX addresses in version 1, are written as unknown ("UNKNOWN", UNSPEC).
 * In version 2 PROXY_HEADER_LOCAL is written without addresses, TLVs and checksum. Version 1 has no
 * LOCAL (2.1), so there the addresses are written.
 *
 * Otherwise version 2 has the TLVs: authority, alpn and unique_id, if they are set in the struct,
 * and those of `tlvs`, for example from the client's header, except a checksum and except the types
 * that are set in the struct. A checksum is written only with `has_checksum`.
 */
int proxy_header_build(const struct proxy_header *header, void *out, size_t size);

#endif
