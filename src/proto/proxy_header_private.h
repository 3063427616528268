/* SPDX-License-Identifier: ISC */
/* Shared by the files of proxy_header: the functions of the two versions. */
#ifndef WEIR_PROTO_PROXY_HEADER_PRIVATE_H
#define WEIR_PROTO_PROXY_HEADER_PRIVATE_H

#include "proto/proxy_header.h"

/* 2.2, the first bytes of version 2. */
#define PROXY_HEADER_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* Why bytes that begin neither version are refused. */
#define PROXY_HEADER_NOT_BEGUN "the first bytes are not those of a PROXY header"

enum {
	PROXY_HEADER_SIGNATURE_BYTES = 12,
	PROXY_HEADER_V2_FIXED = 16, /* 2.2: signature, command, family, length */
	PROXY_HEADER_VERSION_2 = 0x20,
	PROXY_HEADER_COMMAND_LOCAL = 0x0,
	PROXY_HEADER_COMMAND_PROXY = 0x1,
	PROXY_HEADER_FAMILY_UNSPEC = 0x0,
	PROXY_HEADER_FAMILY_INET = 0x1,
	PROXY_HEADER_FAMILY_INET6 = 0x2,
	PROXY_HEADER_FAMILY_UNIX = 0x3,
	PROXY_HEADER_PROTOCOL_UNSPEC = 0x0,
	PROXY_HEADER_PROTOCOL_STREAM = 0x1,
	PROXY_HEADER_PROTOCOL_DGRAM = 0x2,
	PROXY_HEADER_INET_BYTES = 2 * 4 + 2 * 2,
	PROXY_HEADER_INET6_BYTES = 2 * 16 + 2 * 2,
	PROXY_HEADER_UNIX_PATH = 108,
	PROXY_HEADER_UNIX_BYTES = 2 * PROXY_HEADER_UNIX_PATH,
	/* 2.2, types of TLVs; all others are ignored */
	PROXY_HEADER_TLV_ALPN = 0x01,
	PROXY_HEADER_TLV_AUTHORITY = 0x02,
	PROXY_HEADER_TLV_CRC32C = 0x03,
	PROXY_HEADER_TLV_UNIQUE_ID = 0x05,
	PROXY_HEADER_CRC32C_BYTES = 4,
};

/* As proxy_header_parse(), but the caller has zeroed *header. There is at least one byte, and the
 * first one is that of this version. */
int proxy_header_read_v1(struct span bytes, struct proxy_header *header, const char **ret_why);
int proxy_header_read_v2(struct span bytes, struct proxy_header *header, const char **ret_why);

/** Sets an address from its bytes, for both versions. They and `port` are in network order. */
void proxy_address_set_inet(struct proxy_address *address, const void *bytes, in_port_t port);
void proxy_address_set_inet6(struct proxy_address *address, const void *bytes, in_port_t port);

#endif
