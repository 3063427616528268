/* SPDX-License-Identifier: ISC */
/*
 * Connections as GET /connections shows them.
 *
 *	{"id": 7, "proxy": "redis", "client": "127.0.0.1:40000", "server": "127.0.0.1:6379",
 *	 "state": "relaying", "age_ms": 1204, "next": null,
 *	 "upstream": {"received": 64, "sent": 64, "in_flight": 0, "toxics": [], "next": null},
 *	 "downstream": {..., "toxics": ["slow"],
 *	                "next": {"toxic": "slow", "what": "bytes go on", "in_ms": 96.1}}}
 *
 * "toxics" has only those that affect this connection (chain.h). "next" of a direction shows what
 * is due there next by time (in_ms) or, if there is none, by bytes (in_bytes); a toxic that counts
 * both shows both. The first "next" shows the same for toxics of the type flap (gate.h), but never
 * both. "in_flight" counts the bytes that were received, and neither dropped nor sent.
 */
#ifndef WEIR_LAB_LINK_JSON_H
#define WEIR_LAB_LINK_JSON_H

#include <jansson.h>

struct link;

/** Makes the JSON of a connection. NULL: no memory. */
json_t *link_json_show(const struct link *link);

#endif
