/* SPDX-License-Identifier: ISC */
/*
 * Fixture for sessions whose clients begin with PROXY headers, on TCP and on UNIX sockets, in
 * virtual time. Listener 0 of the session rig accepts such headers from all peers.
 */
#ifndef WEIR_TESTS_PREFACE_RIG_H
#define WEIR_TESTS_PREFACE_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "proxy/offer.h"
#include "proxy/session_private.h"
#include "session_rig.h"
#include "strike.h"

#define V1 "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"

/** Each test runs once on TCP and once on UNIX. */
enum { KINDS = 2 };

static inline enum wire_kind kind_of(int i)
{
	return i == 0 ? WIRE_TCP : WIRE_UNIX;
}

void preface_rig_setup(void);

/** Peers on this list must send a header. */
void believe(const struct conf_prefixes *list);

/** The current session, and its timeouts. */
struct session *session(void);
struct conf_timeouts *timeouts(void);

/** Sends all bytes from the client. */
void send_bytes(const void *bytes, size_t n);

/** Makes a header of version 2. Returns its length. `source` NULL: LOCAL. If `n_padding` is not 0,
 * the header has a TLV with so many bytes of padding. */
size_t v2(const char *source, const char *destination, size_t n_padding, uint8_t out[4096]);

/** Sends the FIN of the client, then that of the server. */
void finish_both(void);

#endif
