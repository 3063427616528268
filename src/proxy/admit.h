/* SPDX-License-Identifier: ISC */
/*
 * Whether a listener admits a client: by its access lists, and by the limits of the client's
 * source. The listener asks this about the peer that has connected. If the client is the one in a
 * PROXY header, its session asks instead, once the header has been read.
 */
#ifndef WEIR_PROXY_ADMIT_H
#define WEIR_PROXY_ADMIT_H

#include <stdbool.h>

#include "proxy/end.h"

struct source;
struct terms;
union session_peer;

/**
 * True: the client is admitted, and *ret_source is its place under the limits of its source
 * (source.h), or NULL if the listener has no such limits or the client has no IP address. False:
 * *ret_end says how the client ends. Costs nothing if the listener has neither lists nor limits for
 * sources.
 */
bool admit_client(const struct terms *terms, const union session_peer *client,
	struct source **ret_source, struct end *ret_end);

#endif
