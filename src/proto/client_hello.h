/* SPDX-License-Identifier: ISC */
/*
 * The ClientHello of TLS 1.0 to 1.3, as far as it tells where a client belongs: the name of the
 * server (SNI), the protocols (ALPN) and the versions that it offers. RFC 8446, 6066 and 7301.
 * Nothing is decrypted, and what else is in it is for the server to judge.
 *
 * A codec without I/O: it keeps nothing, and is asked again, from the first byte, when there are
 * more. Each length is hostile until it is held against what is there. Pure.
 */
#ifndef WEIR_PROTO_CLIENT_HELLO_H
#define WEIR_PROTO_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

enum {
	CLIENT_HELLO_FIRST_BYTE = 22, /**< RFC 8446, 5.1: a record of a handshake */
	CLIENT_HELLO_MAX = 16384,     /**< ours: with the headers of its records */
	CLIENT_HELLO_NAME_MAX = 255,  /**< of the server: RFC 1035, 2.3.4 */
};

struct client_hello {
	struct span name;     /**< printable ASCII, as written: 1 to CLIENT_HELLO_NAME_MAX bytes */
	struct span alpn;     /**< a list for client_hello_next_protocol(), one protocol at least */
	struct span versions; /**< RFC 8446, 4.2.1: two bytes each; none before TLS 1.3 */
	uint16_t version;     /**< the highest that is offered: 0x0303 is TLS 1.2 */
};

/**
 * Reads a hello from the first bytes of a connection, in whatever records it is. How many bytes it
 * is, its records' headers among them, and *ret_hello, which borrows `scratch`; 0: so far it is
 * right, and not complete; -EPROTONOSUPPORT: the first byte says that this is no TLS; -EBADMSG:
 * no bytes behind these make it right. The last two set *ret_why, a constant text that fits the end
 * of an error line. What stands behind the hello, even in its last record, is not looked at.
 */
int client_hello_parse(const void *bytes, size_t n, uint8_t scratch[CLIENT_HELLO_MAX],
	struct client_hello *ret_hello, const char **ret_why);

/** Takes the next protocol off the list, in the client's order; false: there is none left. */
bool client_hello_next_protocol(struct span *alpn, struct span *ret_protocol);

#endif
