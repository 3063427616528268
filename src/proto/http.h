/* SPDX-License-Identifier: ISC */
/*
 * HTTP/1.1 for both sides: reads requests and answers from bytes in any pieces, and writes them.
 * RFC 9110 and 9112. A library does the parsing (docs/decisions/0270); only http.c knows which one.
 * What that library accepts and weir does not want is refused here: versions other than 1.0 and
 * 1.1; a request line without a version; lines that end in a bare LF; folded lines; a blank before
 * a colon; bytes that are forbidden in names or values; no Host in HTTP/1.1, or two; an Expect
 * other than 100-continue; codings other than chunked; chunks that are not exactly as specified,
 * apart from extensions and blanks after a size; answers that only the end of the connection ends;
 * a target that is not a path, "http://HOST" or "http://HOST/PATH", such as the target of a
 * CONNECT; and everything longer than the limits below. An Upgrade is ignored: some clients send
 * "Upgrade: h2c" with each first request, and go on with HTTP/1.1.
 *
 * A codec without I/O: it stores the head of the current message and passes the body on as it
 * comes. It knows nothing of timeouts and of access rights.
 */
#ifndef WEIR_PROTO_HTTP_H
#define WEIR_PROTO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"

enum {
	/* All are weir's own limits. */
	/** CRs and LFs before a message, which are skipped: RFC 9112, 2.2, sets no limit. */
	HTTP_BLANK_MAX = 4096,
	HTTP_TARGET_MAX = 8192,
	/** All fields with their line ends; of trailers only the names and values count. */
	HTTP_HEADER_MAX = 16384,
	HTTP_FIELDS_MAX = 100, /**< of a header; the same for trailers */
	HTTP_BODY_MAX = 65536, /**< default limit of a request's body, without chunk headers */
	HTTP_FRAMING_MAX = 512 * 1024, /**< chunk headers and trailers of a request */
	HTTP_BUILT_MAX = 1024,         /**< enough for the head of any answer that is built here */
	HTTP_CHUNK_MAX = 24,           /**< enough for the header of a chunk */
};

enum http_kind {
	HTTP_REQUESTS,
	HTTP_ANSWERS,
};

/** The methods that weir uses; every other one is OTHER. */
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
	struct span name;  /**< as written */
	struct span value; /**< without surrounding blanks */
};

/** The head of a message. Its spans belong to the reader, until http_reader_next() or free. */
struct http_head {
	/* Requests: */
	enum http_verb verb;
	/** Begins with a '/'; printable ASCII without blanks and '#'. */
	struct span target;
	/** The value of Host, or HOST if the target was "http://HOST" or "http://HOST/PATH";
	 * NULL: none, in HTTP/1.0. */
	struct span host;
	bool awaits_continue; /**< Expect: 100-continue, and a body follows; never in HTTP/1.0 */
	/* Answers: */
	unsigned int status;
	/* Both: */
	bool is_old; /**< HTTP/1.0: the peer knows no chunks */
	/** Another message may follow on this connection. False in HTTP/1.0, also with
	 * keep-alive. */
	bool keeps_alive;
	const struct http_field *fields;
	size_t n_fields;
};

/** Why a message is refused, and for a request the status to answer with. */
struct http_refusal {
	unsigned int status; /**< 400, 413, 414 or 431 */
	const char *why;     /**< belongs to the reader; fits the end of an error line */
};

struct http_reader;

struct http_reader_opts {
	enum http_kind kind;
	size_t body_max; /**< limit of a request's body; 0: HTTP_BODY_MAX */
	/** A piece of a body, borrowed for the call. Must not touch the reader. */
	void (*body)(void *owner, const void *bytes, size_t n);
	void *owner;
};

/** NULL: no memory. */
struct http_reader *http_reader_new(const struct http_reader_opts *opts);

/** NULL is fine; returns NULL. */
struct http_reader *http_reader_free(struct http_reader *reader);

/** How far http_read() has read. */
enum http_step {
	HTTP_READ_MORE, /**< all bytes are taken, and the message goes on */
	HTTP_READ_HEAD, /**< the head is complete: once for each message */
	HTTP_READ_END,  /**< the message is complete; call http_reader_next() */
};

/**
 * Takes bytes off the front, up to the next step. A message without a body has the steps HEAD and
 * END, too. -EBADMSG: malformed, whatever bytes follow, see http_reader_refusal(); or -ENOMEM.
 * After an error the connection cannot be used any more.
 */
int http_read(struct http_reader *reader, struct span *bytes);

/** The head; valid from HTTP_READ_HEAD until http_reader_next(). */
const struct http_head *http_reader_head(const struct http_reader *reader);

/** The first field with this name, whatever its case. Without bytes (NULL): there is none. */
struct span http_head_field(const struct http_head *head, const char *name);

/** The reason, after -EBADMSG. */
const struct http_refusal *http_reader_refusal(const struct http_reader *reader);

/** After HTTP_READ_END: prepares for the next message on the connection. */
void http_reader_next(struct http_reader *reader);

/* ---- writing ---- */

struct http_request {
	const char *method;
	const char *target;
	const char *host;
	const char *type; /**< of the body; NULL: no body */
	size_t length;    /**< of the body */
};

/** How the end of an answer's body is marked. */
enum http_extent {
	HTTP_LENGTH,      /**< by its length */
	HTTP_CHUNKS,      /**< by chunks */
	HTTP_UNTIL_CLOSE, /**< by the end of the connection; needs `closes` */
};

struct http_answer {
	unsigned int status;
	const char *type;   /**< NULL: none */
	const char *fields; /**< further header fields, whole lines; NULL: none */
	enum http_extent extent;
	uint64_t length;
	bool closes; /**< the connection is closed after the answer */
};

/**
 * Writes the head into `size` bytes. Returns its length, or -EMSGSIZE. The caller checks the
 * contents.
 */
int http_build_request(const struct http_request *request, char *out, size_t size);
int http_build_answer(const struct http_answer *answer, char *out, size_t size);

/**
 * Writes the header of a chunk of `n` bytes. Returns its length. HTTP_CHUNK_AFTER follows the
 * chunk.
 */
int http_build_chunk(size_t n, char out[HTTP_CHUNK_MAX]);

#define HTTP_CHUNK_AFTER "\r\n"
#define HTTP_CHUNK_LAST  "0\r\n\r\n"
#define HTTP_CONTINUE    "HTTP/1.1 100 Continue\r\n\r\n"

/** The reason phrase of a status. */
const char *http_status_words(unsigned int status);

/** The name of a method; NULL for OTHER. */
const char *http_verb_name(enum http_verb verb);

#endif
