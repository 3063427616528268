/* SPDX-License-Identifier: ISC */
/*
 * The PROXY header that a server receives before the client's first byte, if its upstream has
 * send_proxy. It is built anew for each server that a session connects to.
 *
 *	source		the client that the header of the client's connection announced, or else
 *			the peer that connected
 *	destination	the destination in that header, or else weir's address to which the client
 *			connected
 *
 * If the client's header names no address (LOCAL, UNKNOWN, UNSPEC), source and destination are
 * those of the client's connection. Addresses that one header cannot express (an IP address and a
 * UNIX address together, UNIX addresses in version 1) are sent as "UNKNOWN" or UNSPEC:
 * proto/proxy_header.h.
 *
 * TLVs are sent only in version 2, and each only if the upstream asks for it:
 *
 *	authority	the server name in the client's ClientHello; if weir has not looked at that,
 *			or it has none, the authority of the client's header
 *	alpn		likewise the first protocol in the ClientHello, or else the alpn of the
 *			client's header
 *	unique_id	that of the client's header, so that it is the same along a chain of
 *			proxies; if it has none, announce_id()
 *	received	all TLVs of the client's header, except its checksum
 *	crc32c		the checksum of this header
 */
#ifndef WEIR_PROXY_ANNOUNCE_H
#define WEIR_PROXY_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/proxy_header.h"

struct group_plan;
struct session_edge;
union session_peer;

enum {
	ANNOUNCE_MAX = PROXY_HEADER_V2_MAX,
	ANNOUNCE_ID_MAX = 40, /**< with its NUL */
};

/** What a header is built from. All pointers are borrowed. */
struct announce {
	const struct group_plan *plan; /**< its send_proxy and the TLVs that it asks for */
	int fd; /**< the client's, to ask for the addresses that are not known yet */
	const union session_peer *client;
	const struct session_edge *edge; /**< may be NULL */
	const char *id;                  /**< announce_id() of its session */
};

/**
 * Writes weir's own unique id of a session, "STARTED-PAIR": the time at which this process started
 * (CLOCK_REALTIME, ns) in 16 hex digits, and the number that the log shows as pair=. Returns
 * `text`.
 */
const char *announce_id(uint64_t started_ns, uint64_t pair, char text[ANNOUNCE_ID_MAX]);

/**
 * Writes the header and returns its length. -EMSGSIZE: the header would be longer than ANNOUNCE_MAX
 * because of what the client's own header contained. Another negative errno: an address could not
 * be read.
 */
int announce_build(const struct announce *announce, uint8_t out[ANNOUNCE_MAX]);

#endif
