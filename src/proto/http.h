/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.1 for both ends: requests and answers read from any pieces of bytes, and written. RFC 9110
 * and 9112. A library parses (docs/decisions/0270); nothing outside http.c knows which. What it
 * lets through and weir does not want is refused here: versions other than 1.0 and 1.1, a bare
 * line without one, lines that end in a bare LF, folded lines, a blank before a colon, bytes that
 * no name or value may have, no Host or two, codings other than chunked, chunks that are not to the
 * letter, CONNECT, Upgrade, a target that is no path, and whatever is longer than the bounds below.
 *
 * A codec without I/O: it keeps the head of the message under way, and hands on the body as it
 * comes. It knows neither time nor who may ask.
 */
#ifndef WEIR_PROTO_HTTP_H
#define WEIR_PROTO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

enum {
	HTTP_BLANK_MAX = 4096,         /**< empty lines before a request: RFC 9112, 2.2 */
	HTTP_TARGET_MAX = 8192,        /**< ours, as all bounds here */
	HTTP_HEADER_MAX = 16384,       /**< all fields with their line ends; trailers too */
	HTTP_FIELDS_MAX = 100,         /**< of a header; of trailers as many */
	HTTP_BODY_MAX = 65536,         /**< of a request, without its chunks' heads, by default */
	HTTP_FRAMING_MAX = 512 * 1024, /**< those heads and trailers, of a request */
	HTTP_BUILT_MAX = 1024,         /**< enough for the head of any answer built here */
	HTTP_CHUNK_MAX = 24,           /**< enough for the head of a chunk */
};

enum http_kind {
	HTTP_REQUESTS,
	HTTP_ANSWERS,
};

/** Methods that somebody here knows; all others are OTHER. */
enum http_verb {
	HTTP_VERB_GET,
	HTTP_VERB_HEAD,
	HTTP_VERB_POST,
	HTTP_VERB_PUT,
	HTTP_VERB_PATCH,
	HTTP_VERB_DELETE,
	HTTP_VERB_OTHER,
};

struct http_field {
	struct span name;  /**< as it was written */
	struct span value; /**< without blanks around it */
};

/** The head of a message. Its spans are the reader's, until http_reader_next() or free. */
struct http_head {
	/* Of requests. */
	enum http_verb verb;
	struct span target;   /**< begins with a '/'; printable ASCII without blanks and '#' */
	struct span host;     /**< the value of Host; NULL: none, of HTTP/1.0 */
	bool awaits_continue; /**< Expect: 100-continue, and a body is to come */
	/* Of answers. */
	unsigned int status;
	/* Of both. */
	bool is_old;      /**< HTTP/1.0: it knows no chunks */
	bool keeps_alive; /**< the other end would take another message on this connection */
	const struct http_field *fields;
	size_t n_fields;
};

/** Why a message is refused: of a request, with which status, and what to do instead. */
struct http_refusal {
	unsigned int status; /**< 400, 413, 414 or 431 */
	const char *why;     /**< the reader's, fit for the end of an error line */
};

struct http_reader;

struct http_reader_opts {
	enum http_kind kind;
	size_t body_max; /**< of a request; 0: HTTP_BODY_MAX */
	/** A piece of a body, borrowed for the call, in which the reader is not to be touched. */
	void (*body)(void *owner, const void *bytes, size_t n);
	void *owner;
};

/** NULL: no memory. */
struct http_reader *http_reader_new(const struct http_reader_opts *opts);

/** NULL is fine; returns NULL. */
struct http_reader *http_reader_free(struct http_reader *reader);

/** How far http_read() has come. */
enum http_step {
	HTTP_READ_MORE, /**< all bytes are taken, and there are more to come */
	HTTP_READ_HEAD, /**< the head is there: once for each message */
	HTTP_READ_END,  /**< the message is complete; then http_reader_next() */
};

/**
 * Takes bytes off the front, up to the next step. A message without a body has both, HEAD and END.
 * -EBADMSG: no bytes behind these make it right, see http_reader_refusal(); or -ENOMEM. After these
 * it is over with the connection.
 */
int http_read(struct http_reader *reader, struct span *bytes);

/** From HTTP_READ_HEAD until http_reader_next(). */
const struct http_head *http_reader_head(const struct http_reader *reader);

/** The first field of this name, in whatever case; a span without bytes: there is none. */
struct span http_head_field(const struct http_head *head, const char *name);

/** After -EBADMSG. */
const struct http_refusal *http_reader_refusal(const struct http_reader *reader);

/** After HTTP_READ_END: the next message on the connection. */
void http_reader_next(struct http_reader *reader);

/* ---- the other way round ---- */

struct http_request {
	const char *method;
	const char *target;
	const char *host;
	const char *type; /**< of the body; NULL: there is none */
	size_t length;    /**< of the body */
};

/** How the end of an answer's body is told. */
enum http_extent {
	HTTP_LENGTH,      /**< by its length */
	HTTP_CHUNKS,      /**< in chunks */
	HTTP_UNTIL_CLOSE, /**< by the end of the connection, which must be `closes` */
};

struct http_answer {
	unsigned int status;
	const char *type;   /**< NULL: none */
	const char *fields; /**< further ones, whole lines; NULL: none */
	enum http_extent extent;
	uint64_t length;
	bool closes; /**< no other request is taken on this connection */
};

/** Writes the head into `size` bytes; its length, or -EMSGSIZE. What is given must be fit. */
int http_build_request(const struct http_request *request, char *out, size_t size);
int http_build_answer(const struct http_answer *answer, char *out, size_t size);

/** Writes what stands before a chunk of `n` bytes; its length. HTTP_CHUNK_AFTER stands behind. */
int http_build_chunk(size_t n, char out[HTTP_CHUNK_MAX]);

#define HTTP_CHUNK_AFTER "\r\n"
#define HTTP_CHUNK_LAST  "0\r\n\r\n"
#define HTTP_CONTINUE    "HTTP/1.1 100 Continue\r\n\r\n"

/** The words of a status. */
const char *http_status_words(unsigned int status);

/** The name of a method; NULL of OTHER. */
const char *http_verb_name(enum http_verb verb);

#endif
