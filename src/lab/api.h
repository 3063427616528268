/* SPDX-License-Identifier: ISC */
/*
 * The HTTP API: that of toxiproxy 2.x, and /connections. Every request but /metrics is handled by
 * api_handle(), which can also be called without a server.
 *
 * A request whose User-Agent begins with "Mozilla/" is refused, so that no web page can control a
 * laboratory.
 */
#ifndef WEIR_LAB_API_H
#define WEIR_LAB_API_H

#include <stdint.h>

#include "http/server.h"
#include "lab/address.h"
#include "stream/listen.h"

struct acceptor;
struct answer;
struct http_target;
struct lab;

enum {
	API_CONNECTIONS_MAX = 1024, /**< many, because client pools keep connections open */
	API_BODY_MAX = 4 * 1024 * 1024,
};

/** The version of toxiproxy whose API this is. */
#define API_VERSION "2.12.0"

enum { API_METHODS_MAX = 48 };

struct api {
	struct lab *lab;
	struct http_server server;
	struct listen_socket socket;
	struct acceptor *acceptor;
	uint64_t n_requests;
	char text[ADDR_TEXT_MAX]; /**< the address on which it listens */
};

/** Listens on host and port. 0, or a negative errno and the reason in `error`. */
int api_open(struct api *api, struct lab *lab, const char *host, const char *port,
	char error[ADDRESS_ERROR_MAX]);

/** Idempotent, also on zeroed memory. */
void api_close(struct api *api);

/** Whether the path has this method. False: `methods` lists those that it has; "" if the path does
 * not exist. */
bool api_knows(
	enum http_verb verb, const struct http_target *target, char methods[API_METHODS_MAX]);

/**
 * Handles a request; `answer` is zeroed before, and the caller frees its JSON. False: the path does
 * not exist or lacks this method, and `answer` has status 404 or 405. For /metrics it only sets
 * status 200.
 */
bool api_handle(struct lab *lab, enum http_verb verb, const struct http_target *target,
	const char *body, size_t n_body, struct answer *answer);

#endif
