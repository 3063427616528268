/* SPDX-License-Identifier: ISC */
/*
 * The answering end of HTTP/1.1, on streams: connections that were accepted somewhere else, one
 * exchange of a request and its answer at a time on each. Who answers stands above: the server
 * knows no path.
 *
 *	http_server_accept(fd) ──▶ request complete, or refused ──▶ answer(owner, exchange)
 *	                    ▲                                            │ http_exchange_...()
 *	                    └──────────── the next one on it ◀───────────┘
 *
 * Clients are not trusted to be quick or sane. From its first byte to its last a request has
 * HTTP_SERVER_TIME_S, and whoever takes no byte of an answer for so long is cut off; an answer that
 * is under way, and has nothing to send, has no bound in time. So many connections are kept: who
 * comes then takes the place of the one that has been silent longest, of those first that wait
 * for no answer. What comes behind a request waits until that is answered.
 *
 * All on the loop's thread.
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
	HTTP_SERVER_CONNECTIONS = 128, /**< by default */
	HTTP_SERVER_TIME_S = 5,
	HTTP_SERVER_LINGER_S = 2,           /**< for what is still sent behind a last request */
	HTTP_SERVER_WAITING_MAX = 64 * 1024 /**< of an answer in parts, before ready() */
};

struct http_server_opts {
	struct loop *loop;
	void *owner;
	/** A request is complete, or was refused: exchange->refusal. Answers now or later, once. */
	void (*answer)(void *owner, struct http_exchange *exchange);
	size_t connections_max; /**< 0: HTTP_SERVER_CONNECTIONS */
	size_t body_max;        /**< of a request; 0: HTTP_BODY_MAX */
};

struct http_server {
	struct http_server_opts opts;
	struct list connections; /* struct http_connection::link, the longest silent first */
	size_t n_connections;
};

/** A request, and its answer. The connection's memory. */
struct http_exchange {
	const struct http_refusal *refusal; /**< why the request is none; NULL: it is one, and: */
	const struct http_head *head;       /**< until the answer is complete, as the body */
	const char *body;                   /**< with a NUL behind; "" without one */
	size_t n_body;
	/* Of who answers; all NULL at first. */
	void *data;
	/** The client has gone, or was cut off, before its answer was complete. From then on the
	 * exchange is not to be touched. */
	void (*gone)(struct http_exchange *exchange);
	/** After http_exchange_part() has said false: there is room for more. */
	void (*ready)(struct http_exchange *exchange);
};

struct http_reply {
	unsigned int status;
	const char *type;   /**< of the body; NULL: none */
	const char *fields; /**< further ones, whole lines; NULL: none */
};

void http_server_init(struct http_server *server, const struct http_server_opts *opts);

/** Takes the fd of a connection (non-blocking), and closes it where memory is short. `is_unix`: a
 * UNIX socket, else TCP. */
void http_server_accept(struct http_server *server, int fd, bool is_unix);

/** Closes all connections; gone() is told. Idempotent, also on zeroed memory. */
void http_server_close(struct http_server *server);

/** The whole answer. The exchange may be over when it returns. */
void http_exchange_answer(
	struct http_exchange *exchange, const struct http_reply *reply, const void *body, size_t n);

/**
 * An answer in parts, of any length: begin, parts, end. Part: false: wait for ready() with the next
 * one; it was taken in any case. None of them calls gone() or ready().
 */
void http_exchange_begin(struct http_exchange *exchange, const struct http_reply *reply);
bool http_exchange_part(struct http_exchange *exchange, const void *bytes, size_t n);
void http_exchange_end(struct http_exchange *exchange);

/** Cuts an answer off that cannot be completed: its reader sees that it is not whole. */
void http_exchange_abort(struct http_exchange *exchange);

#endif
