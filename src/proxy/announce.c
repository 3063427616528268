/* SPDX-License-Identifier: ISC */
#include "proxy/announce.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/edge.h"
#include "upstream/plan.h"

const char *announce_id(uint64_t started_ns, uint64_t pair, char text[ANNOUNCE_ID_MAX])
{
	(void)snprintf(text, ANNOUNCE_ID_MAX, "%016" PRIx64 "-%" PRIu64, started_ns, pair);
	return text;
}

/** The addresses of both ends of the client's connection to weir. 0 or a negative errno. */
static int take_real_addresses(const struct announce *announce, struct proxy_header *header)
{
	const union session_peer *client = announce->client;
	struct proxy_address *source = &header->source;
	struct proxy_address *destination = &header->destination;

	if (client->family == AF_UNIX && header->version == 1) {
		header->who = PROXY_HEADER_UNSPEC;
		return 0;
	}
	if (client->family == AF_UNIX) {
		/* The address is read here, because the session does not store it: UNIX clients
		 * rarely have a path. */
		source->len = sizeof(source->sa);
		if (getpeername(announce->fd, &source->sa.any, &source->len) < 0) {
			return -errno;
		}
	} else if (client->family == AF_INET) {
		source->sa.in = client->in;
		source->len = sizeof(client->in);
	} else if (client->family == AF_INET6) {
		source->sa.in6 = client->in6;
		source->len = sizeof(client->in6);
	}
	destination->len = sizeof(destination->sa);
	return getsockname(announce->fd, &destination->sa.any, &destination->len) < 0 ? -errno : 0;
}

static int take_addresses(const struct announce *announce, const struct proxy_header *received,
	struct proxy_header *header)
{
	header->who = PROXY_HEADER_CLIENT;
	if (received == NULL || received->who != PROXY_HEADER_CLIENT) {
		return take_real_addresses(announce, header);
	}
	header->source = received->source;
	header->destination = received->destination;
	return 0;
}

static void take_tlvs(const struct announce *announce, const struct proxy_header *received,
	struct proxy_header *header)
{
	static const struct proxy_header none;
	const struct session_edge *edge = announce->edge;
	struct span name = edge == NULL ? (struct span){NULL, 0} : edge->name;
	struct span protocol = edge == NULL ? (struct span){NULL, 0} : edge->protocol;
	unsigned tlvs = announce->plan->send_proxy_tlvs;

	received = received == NULL ? &none : received;
	if ((tlvs & CONF_TLV_AUTHORITY) != 0) {
		header->authority = name.n > 0 ? name : received->authority;
	}
	if ((tlvs & CONF_TLV_ALPN) != 0) {
		header->alpn = protocol.n > 0 ? protocol : received->alpn;
	}
	if ((tlvs & CONF_TLV_RECEIVED) != 0) {
		header->tlvs = received->tlvs;
	}
	if ((tlvs & CONF_TLV_UNIQUE_ID) != 0) {
		header->unique_id = received->unique_id;
		if (received->unique_id.bytes == NULL) {
			header->unique_id =
				(struct span){(const uint8_t *)announce->id, strlen(announce->id)};
		}
	}
	header->has_checksum = (tlvs & CONF_TLV_CRC32C) != 0;
}

int announce_build(const struct announce *announce, uint8_t out[ANNOUNCE_MAX])
{
	const struct session_edge *edge = announce->edge;
	const struct proxy_header *received =
		edge == NULL || edge->header == NULL ? NULL : &edge->header->read;
	struct proxy_header header = {
		.version = announce->plan->send_proxy == SEND_PROXY_V1 ? 1 : 2};
	int n = take_addresses(announce, received, &header);

	if (n < 0) {
		return n;
	}
	if (header.version == 2) {
		take_tlvs(announce, received, &header);
	}
	return proxy_header_build(&header, out, ANNOUNCE_MAX);
}
