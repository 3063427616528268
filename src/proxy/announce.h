/* SPDX-License-Identifier: ISC */
/*
 * What a server is told of its client before the client's first byte: a PROXY header, where the
 * upstream says send_proxy. Each server that a session connects to is told anew.
 *
 *	source		whom the client's own header announced, else who connected
 *	destination	the same: what that header says, else our address that the client reached
 *
 * A header of the client's that names nobody (LOCAL, UNKNOWN, UNSPEC) leaves both as they are on
 * its connection. What one header cannot tell (a client and a destination of two kinds, a UNIX
 * client in version 1) is "UNKNOWN" or UNSPEC: proto/proxy_header.h.
 *
 * TLVs, of version 2 and each only where the upstream asks for it:
 *
 *	authority, alpn	of the client's ClientHello, where that was looked at (the protocol that it
 *			wants most), else of its header
 *	unique_id	of the client's header, so that a chain of proxies has one for all; where it
 *			has none, a text of ours: announce_id()
 *	received	all of the client's header, but for its checksum
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

/** Of whom, to whom. All is borrowed. */
struct announce {
	const struct group_plan *plan; /**< with send_proxy and TLVs */
	int fd;                        /**< the client's; only asked for what is not known */
	const union session_peer *client;
	const struct session_edge *edge; /**< may be NULL */
	const char *id;                  /**< announce_id() of its session */
};

/**
 * Our unique id of a session: "STARTED-PAIR", when this weir was started (CLOCK_REALTIME, ns) in
 * 16 hex digits, and the number that the log has as pair=. Returns `text`.
 */
const char *announce_id(uint64_t started_ns, uint64_t pair, char text[ANNOUNCE_ID_MAX]);

/**
 * Writes the header; its length. *ret_quotes: it has bytes that may be the client's own (authority,
 * alpn, TLVs of its header), so what the server does for them is not the server's fault. A negative
 * errno: -EMSGSIZE, it would be longer than ANNOUNCE_MAX, for what the client's header brought; or
 * why its addresses are not to be had.
 */
int announce_build(const struct announce *announce, uint8_t out[ANNOUNCE_MAX], bool *ret_quotes);

#endif
