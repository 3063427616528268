/* SPDX-License-Identifier: ISC */
/*
 * The server side of HTTP/1.1, on streams. It gets connections that were accepted elsewhere, and
 * handles one exchange (a request and its answer) at a time on each. The module above answers the
 * requests; the server knows no paths.
 *
 *	http_server_accept(fd) ──▶ request complete, or refused ──▶ answer(owner, exchange)
 *	                    ▲                                            │ http_exchange_...()
 *	                    └──────── the connection's next request ◀────┘
 *
 * Clients may be slow or hostile. From its first byte to its last a request may take
 * HTTP_SERVER_TIME_S. A client that accepts no byte of an answer for that time is disconnected. An
 * answer in progress that has nothing to send may last for ever. The number of connections is
 * limited: at the limit, a new one replaces the one that has been silent longest. Connections that
 * wait for an answer, or for the rest of it, are replaced only if all do. Bytes after a request
 * wait until that request is answered.
 *
 * All functions are for the loop's thread.
 */
#ifndef WEIR_HTTP_SERVER_H
#define WEIR_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "proto/http.h"

struct http_exchange;
struct loop;

enum {
	HTTP_SERVER_CONNECTIONS = 128, /**< default of connections_max */
	HTTP_SERVER_TIME_S = 5,
	HTTP_SERVER_LINGER_S = 2, /**< how long bytes after a last request are still read */
	HTTP_SERVER_WAITING_MAX = 64 * 1024 /**< waiting bytes of an answer in parts */
};

struct http_server_opts {
	struct loop *loop;
	void *owner;
	/** A request is complete, or was refused (exchange->refusal). Must be answered once, now or
	 * later. */
	void (*answer)(void *owner, struct http_exchange *exchange);
	size_t connections_max; /**< 0: HTTP_SERVER_CONNECTIONS */
	size_t body_max;        /**< of a request; 0: HTTP_BODY_MAX */
};

struct http_server {
	struct http_server_opts opts;
	struct list connections; /* struct http_connection::link, the longest silent first */
	size_t n_connections;
};

/** A request and its answer. Its memory is that of the connection. */
struct http_exchange {
	const struct http_refusal *refusal; /**< why the request is refused; NULL: it is valid */
	/** For a valid one: head and body stay until the answer is complete. */
	const struct http_head *head;
	const char *body; /**< with a NUL after it; "" if there is none */
	size_t n_body;
	/* For the module that answers; all NULL at first. */
	void *data;
	/** The client is gone, or was disconnected, before its answer was complete. Do not touch
	 * the exchange from then on. */
	void (*gone)(struct http_exchange *exchange);
	/** There is room for more, after http_exchange_part() has returned false. */
	void (*ready)(struct http_exchange *exchange);
};

struct http_reply {
	unsigned int status;
	const char *type;   /**< of the body; NULL: none */
	const char *fields; /**< further header fields, whole lines; NULL: none */
};

void http_server_init(struct http_server *server, const struct http_server_opts *opts);

/**
 * Takes the fd of a connection (non-blocking); closes it if memory is short. `is_unix`: a UNIX
 * socket, else TCP.
 */
void http_server_accept(struct http_server *server, int fd, bool is_unix);

/** Closes all connections and calls gone(). Idempotent, also on zeroed memory. */
void http_server_close(struct http_server *server);

/** Sends a whole answer. The exchange may be over when this returns. */
void http_exchange_answer(
	struct http_exchange *exchange, const struct http_reply *reply, const void *body, size_t n);

/**
 * Sends an answer of any length: begin, any number of parts, end. If a part returns false, it was
 * taken all the same, but wait for ready() before the next one. None of these calls gone() or
 * ready().
 */
void http_exchange_begin(struct http_exchange *exchange, const struct http_reply *reply);
bool http_exchange_part(struct http_exchange *exchange, const void *bytes, size_t n);
void http_exchange_end(struct http_exchange *exchange);

/** Ends an answer that cannot be completed, so that its reader sees that it is incomplete. Does not
 * call gone(). */
void http_exchange_abort(struct http_exchange *exchange);

#endif
