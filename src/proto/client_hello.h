/* SPDX-License-Identifier: ISC */
/*
 * Reads the ClientHello of TLS 1.0 to 1.3, as far as it is needed to route a client: the server
 * name (SNI), the protocols (ALPN) and the versions that the client offers. RFC 8446, 6066 and
 * 7301. Nothing is decrypted; the rest of the message is left to the server.
 *
 * A codec without I/O. It keeps no state: call it again with all bytes from the first one when
 * there are more. Every length is checked against the bytes that are there. Pure functions.
 */
#ifndef WEIR_PROTO_CLIENT_HELLO_H
#define WEIR_PROTO_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

enum {
	CLIENT_HELLO_FIRST_BYTE = 22, /**< RFC 8446, 5.1: a handshake record */
	CLIENT_HELLO_MAX = 16384,     /**< weir's limit, including the record headers */
	CLIENT_HELLO_NAME_MAX = 255,  /**< RFC 1035, 2.3.4 */
};

struct client_hello {
	/** The server name, printable ASCII, as written: 1 to CLIENT_HELLO_NAME_MAX bytes. */
	struct span name;
	struct span alpn;     /**< a list for client_hello_next_protocol(); not empty */
	struct span versions; /**< RFC 8446, 4.2.1: two bytes each; none before TLS 1.3 */
	uint16_t version;     /**< the highest version offered: 0x0303 is TLS 1.2 */
};

/**
 * Reads a hello from the first bytes of a connection; it may be split over records in any way.
 * Returns the length of the hello, including the record headers, and writes *ret_hello, which
 * borrows `scratch`. 0: correct so far, but not complete. -EPROTONOSUPPORT: the first byte shows
 * that this is not TLS. -EBADMSG: malformed, whatever bytes follow. The errors set *ret_why, a
 * constant text that fits the end of an error line. Bytes after the hello, even in its last record,
 * are not read.
 */
int client_hello_parse(const void *bytes, size_t n, uint8_t scratch[CLIENT_HELLO_MAX],
	struct client_hello *ret_hello, const char **ret_why);

/** Takes the next protocol off the list, in the client's order; false: there are no more. */
bool client_hello_next_protocol(struct span *alpn, struct span *ret_protocol);

#endif
