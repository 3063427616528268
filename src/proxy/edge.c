/* SPDX-License-Identifier: ISC */
#include "proxy/edge.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/client_hello.h"

struct session_edge *edge_new(const union session_peer *peer)
{
	struct session_edge *edge = calloc(1, sizeof(*edge));

	if (edge != NULL) {
		edge->peer = *peer;
	}
	return edge;
}

struct session_edge *edge_free(struct session_edge *edge)
{
	if (edge != NULL) {
		edge_forget_header(edge);
		free(edge->unique_id);
		free(edge->throttles);
		free((void *)edge->client_name.bytes);
		free((void *)edge->name.bytes);
		free((void *)edge->protocol.bytes);
		free(edge);
	}
	return NULL;
}

int edge_have_throttles(struct session_edge *edge)
{
	if (edge->throttles == NULL) {
		edge->throttles = malloc(sizeof(*edge->throttles));
	}
	return edge->throttles == NULL ? -ENOMEM : 0;
}

int edge_keep_header(struct session_edge *edge, const void *bytes, size_t n)
{
	struct edge_header *header = malloc(sizeof(*header) + n);
	const struct span *id;
	const char *why;
	int r;

	if (header == NULL) {
		return -ENOMEM;
	}
	header->n = n;
	memcpy(header->bytes, bytes, n);
	r = proxy_header_parse(header->bytes, n, &header->read, &why);
	assert(r == (int)n);
	id = &header->read.unique_id;
	if (id->n > 0) {
		edge->unique_id = malloc(id->n);
		if (edge->unique_id == NULL) {
			free(header);
			return -ENOMEM;
		}
		edge->n_unique_id = id->n;
		memcpy(edge->unique_id, id->bytes, id->n);
	}
	edge->header = header;
	return 0;
}

/** Copies the bytes of a span. 0 or -ENOMEM. */
static int copy(struct span from, struct span *ret_copy)
{
	void *bytes;

	if (from.n == 0) {
		return 0;
	}
	bytes = malloc(from.n);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	*ret_copy = (struct span){memcpy(bytes, from.bytes, from.n), from.n};
	return 0;
}

int edge_keep_hello(struct session_edge *edge, const struct client_hello *hello)
{
	struct span alpn = hello->alpn;
	struct span first = {NULL, 0};
	int r = copy(hello->name, &edge->name);

	(void)client_hello_next_protocol(&alpn, &first);
	return r < 0 ? r : copy(first, &edge->protocol);
}

int edge_announce(struct session_edge *edge, const struct proxy_address *client)
{
	static const char prefix[] = "unix:";
	char text[sizeof(prefix) + sizeof(client->sa.un.sun_path)];
	const char *path = client->sa.un.sun_path;
	size_t n;

	edge->is_announced = true;
	if (client->sa.any.sa_family != AF_UNIX || client->len <= sizeof(sa_family_t)) {
		return 0;
	}
	n = client->len - sizeof(sa_family_t);
	n = path[0] == '\0' ? n : strnlen(path, n);
	memcpy(text, prefix, sizeof(prefix) - 1);
	memcpy(text + sizeof(prefix) - 1, path, n);
	if (path[0] == '\0') {
		text[sizeof(prefix) - 1] = '@'; /* an abstract name */
	}
	return copy(
		(struct span){(const uint8_t *)text, sizeof(prefix) - 1 + n}, &edge->client_name);
}

void edge_forget_header(struct session_edge *edge)
{
	if (edge != NULL) {
		free(edge->header);
		edge->header = NULL;
	}
}

void edge_ask_tcp(struct session_edge *edge, enum pair_side side, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		edge->tcp[side] = (struct edge_tcp){
			.rtt_us = info.tcpi_rtt,
			.n_retransmits = info.tcpi_total_retrans,
			.is_known = true,
		};
	}
}
