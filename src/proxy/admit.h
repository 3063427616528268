/* SPDX-License-Identifier: ISC */
/*
 * Whether a client may come in by what its listener says of it: by the lists of access, and by what
 * its source has already. The listener asks this of who has connected; of a client that a PROXY
 * header announces its session asks it, once the header is there.
 */
#ifndef WEIR_PROXY_ADMIT_H
#define WEIR_PROXY_ADMIT_H

#include <stdbool.h>

#include "proxy/end.h"

struct source;
struct terms;
union session_peer;

/**
 * True: it may, and has its place with its source (source.h), or NULL where none is counted. False:
 * *ret_end is how it ends. Costs nothing where the listener has neither lists nor limits of
 * sources.
 */
bool admit_client(const struct terms *terms, const union session_peer *client,
	struct source **ret_source, struct end *ret_end);

#endif
