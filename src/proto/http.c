/* SPDX-License-Identifier: ISC */
/*
 *	BLANKS ──▶ HEAD, line by line ──▶ HEADED ──▶ BODY ──▶ ENDED
 *
 * The head is collected and checked line by line. So a line that the parser would accept and weir
 * does not want is refused at its end, and an endless one at its limit. Then the parser gets the
 * head in one piece. The body goes through the parser as it comes.
 */
#include "proto/http.h"

#include <errno.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/http_chunks.h"
#include "proto/http_line.h"

#if HTTP_PARSER_VERSION_MAJOR != 2 || HTTP_PARSER_VERSION_MINOR < 9
#error "http_parser 2.9 or later is needed: before, it takes two lengths for one body"
#endif

enum {
	LINE_ROOM = 64, /* for a method, a version, blanks and the line end */
	START_LINE_MAX = HTTP_TARGET_MAX + LINE_ROOM,
	HEAD_FIRST_ROOM = 1024,
};

enum state {
	STATE_BLANKS, /* before the first line */
	STATE_HEAD,
	STATE_HEADED, /* HTTP_READ_HEAD was returned */
	STATE_ENDED,  /* HTTP_READ_END was returned */
	STATE_REFUSED,
};

struct http_reader {
	struct http_reader_opts opts;
	enum state state;
	http_parser parser;
	char *bytes; /* of the head so far */
	size_t n_bytes;
	size_t room;
	size_t line;     /* where the current line begins */
	size_t n_blanks; /* bytes of empty lines before the head */
	size_t header;   /* where the fields begin */
	bool in_value;   /* the last callback was for a value */
	bool complete;   /* the parser has seen the end of the message */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	size_t n_body;
	bool in_chunks; /* the body is chunked; the parser changes its own flag at trailers */
	struct http_chunks chunks;
	size_t n_framing;
	size_t n_trailers;
	size_t n_trailer_bytes;
	struct http_head head;
	struct http_refusal refusal;
	char too_long[64]; /* the reason, with a number */
};

static const char no_path[] =
	"this is no proxy for HTTP: the target must be a path, which begins with a '/', or "
	"http://HOST/PATH";

static int refuse(struct http_reader *reader, unsigned int status, const char *why)
{
	if (reader->state != STATE_REFUSED) {
		reader->refusal = (struct http_refusal){status, why};
		reader->state = STATE_REFUSED;
	}
	return -EBADMSG;
}

static int refuse_long_body(struct http_reader *reader)
{
	(void)snprintf(reader->too_long, sizeof(reader->too_long),
		"the body is longer than %zu KiB; send less", reader->opts.body_max / 1024);
	return refuse(reader, 413, reader->too_long);
}

/* ---- callbacks of the parser ---- */

static struct http_reader *reader_of(http_parser *parser)
{
	return parser->data;
}

static void span_extend(struct span *span, const char *at, size_t n)
{
	if (span->bytes == NULL) {
		span->bytes = (const uint8_t *)at;
	}
	span->n += n;
}

static int on_target(http_parser *parser, const char *at, size_t n)
{
	span_extend(&reader_of(parser)->head.target, at, n);
	return 0;
}

/** Trailers are not stored; their bytes were counted as framing. */
static int on_trailer(struct http_reader *reader, size_t n)
{
	reader->n_trailer_bytes += n;
	if (reader->n_trailer_bytes > HTTP_HEADER_MAX || reader->n_trailers > HTTP_FIELDS_MAX) {
		return refuse(reader, 431, "the trailers are longer than 16 KiB or 100 fields");
	}
	return 0;
}

static int on_name(http_parser *parser, const char *at, size_t n)
{
	struct http_reader *reader = reader_of(parser);
	bool begins = reader->in_value || reader->n_fields == 0;

	reader->in_value = false;
	if (reader->state == STATE_HEADED) {
		reader->n_trailers += begins ? 1 : 0;
		return on_trailer(reader, n);
	}
	if (begins && reader->n_fields == HTTP_FIELDS_MAX) {
		return refuse(reader, 431, "the header has more than 100 fields; send fewer");
	}
	if (begins) {
		reader->fields[reader->n_fields++] = (struct http_field){0};
	}
	span_extend(&reader->fields[reader->n_fields - 1].name, at, n);
	return 0;
}

static int on_value(http_parser *parser, const char *at, size_t n)
{
	struct http_reader *reader = reader_of(parser);

	reader->in_value = true;
	if (reader->state == STATE_HEADED) {
		return on_trailer(reader, n);
	}
	span_extend(&reader->fields[reader->n_fields - 1].value, at, n);
	return 0;
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
	struct http_reader *reader = reader_of(parser);

	reader->n_body += n;
	reader->n_framing -= n;
	if (reader->opts.kind == HTTP_REQUESTS && reader->n_body > reader->opts.body_max) {
		return refuse_long_body(reader);
	}
	reader->opts.body(reader->opts.owner, at, n);
	return 0;
}

static int on_complete(http_parser *parser)
{
	reader_of(parser)->complete = true;
	http_parser_pause(parser, 1); /* the bytes after it belong to the next message */
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_target,
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/** Gives the parser bytes. Returns how many it has taken, or -EBADMSG. */
static int parse(struct http_reader *reader, const void *bytes, size_t n)
{
	size_t used = http_parser_execute(&reader->parser, &settings, bytes, n);
	enum http_errno error = HTTP_PARSER_ERRNO(&reader->parser);

	if (reader->state == STATE_REFUSED) {
		return -EBADMSG; /* one of the callbacks above refused */
	}
	if (error == HPE_INVALID_URL) {
		return refuse(reader, 400, no_path);
	}
	if (error != HPE_OK && error != HPE_PAUSED) {
		return refuse(reader, 400, http_errno_description(error));
	}
	return (int)used;
}

/* ---- what the parser accepts and weir refuses ---- */

static struct span trim(struct span span)
{
	if (span.bytes == NULL) {
		return (struct span){(const uint8_t *)"", 0}; /* present and empty */
	}
	while (span.n > 0 && (span.bytes[0] == ' ' || span.bytes[0] == '\t')) {
		span.bytes++;
		span.n--;
	}
	while (span.n > 0 && (span.bytes[span.n - 1] == ' ' || span.bytes[span.n - 1] == '\t')) {
		span.n--;
	}
	return span;
}

static bool span_says(struct span span, const char *text)
{
	return span.n == strlen(text) && strncasecmp((const char *)span.bytes, text, span.n) == 0;
}

/** Returns how many fields have this name, and the value of the last one. */
static size_t count_fields(const struct http_head *head, const char *name, struct span *ret_value)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++) {
		if (span_says(head->fields[i].name, name)) {
			*ret_value = head->fields[i].value;
			n++;
		}
	}
	return n;
}

/** Finds out how the body ends: RFC 9112, 6. */
static int look_at_extent(struct http_reader *reader)
{
	struct http_head *head = &reader->head;
	const http_parser *parser = &reader->parser;
	struct span coding = {0};
	size_t n = count_fields(head, "transfer-encoding", &coding);
	bool has_length = (parser->flags & F_CONTENTLENGTH) != 0;

	if (n > 0 && (n > 1 || !span_says(coding, "chunked") || head->is_old)) {
		return refuse(reader, 400,
			"Transfer-Encoding must be 'chunked', once, with HTTP/1.1; or send "
			"Content-Length");
	}
	if (reader->opts.kind == HTTP_ANSWERS) {
		if (n == 0 && !has_length && head->status != 204) {
			return refuse(reader, 400, "the answer does not say how long it is");
		}
	} else if (has_length && parser->content_length > reader->opts.body_max && n == 0 &&
		   !reader->complete) {
		return refuse_long_body(reader);
	}
	return 0;
}

/** Makes a path of a target in absolute form, "http://HOST/PATH", whose authority has to be used in
 * the place of Host: RFC 9112, 3.2.2. Other targets stay as they are. */
static void take_absolute_form(struct http_head *head)
{
	static const char scheme[] = "http://";
	static const char root[] = "/";
	const struct span target = head->target;
	struct span host;
	const uint8_t *slash;

	if (target.n < sizeof(scheme) ||
		strncasecmp((const char *)target.bytes, scheme, sizeof(scheme) - 1) != 0) {
		return;
	}
	host.bytes = target.bytes + sizeof(scheme) - 1;
	host.n = target.n - (sizeof(scheme) - 1);
	slash = memchr(host.bytes, '/', host.n);
	head->target = (struct span){(const uint8_t *)root, 1};
	if (slash != NULL) {
		head->target = (struct span){slash, host.n - (size_t)(slash - host.bytes)};
		host.n = (size_t)(slash - host.bytes);
	}
	head->host = host;
	/* A target is refused if it has no authority, an authority with a user, or a query without
	 * a path before it. look_at_request() does so, since the target is now empty. */
	if (host.n == 0 || memchr(host.bytes, '?', host.n) != NULL ||
		memchr(host.bytes, '@', host.n) != NULL) {
		head->target.n = 0;
	}
}

static int look_at_request(struct http_reader *reader)
{
	struct http_head *head = &reader->head;
	struct span value = {0};
	size_t n_hosts = count_fields(head, "host", &head->host);

	if (head->target.n > HTTP_TARGET_MAX) {
		return refuse(reader, 414, "the target is longer than 8 KiB; ask for less at once");
	}
	take_absolute_form(head);
	if (head->target.n == 0 || head->target.bytes[0] != '/' ||
		memchr(head->target.bytes, '#', head->target.n) != NULL) {
		return refuse(reader, 400, no_path);
	}
	if (n_hosts > 1 || (n_hosts == 0 && !head->is_old)) {
		return refuse(reader, 400, "there must be one Host, as in 'Host: localhost'");
	}
	if (count_fields(head, "expect", &value) > 0) {
		if (!span_says(value, "100-continue")) {
			return refuse(reader, 400, "Expect can only be '100-continue'");
		}
		head->awaits_continue = !reader->complete && !head->is_old;
	}
	return 0;
}

/* ---- the head ---- */

static enum http_verb verb_of(const char *method, size_t n)
{
	for (enum http_verb verb = 0; verb < HTTP_VERB_OTHER; verb++) {
		const char *name = http_verb_name(verb);

		if (n == strlen(name) && memcmp(method, name, n) == 0) {
			return verb;
		}
	}
	return HTTP_VERB_OTHER;
}

/**
 * Gives the parser the head. The parser knows other methods than we do, and has special rules for
 * CONNECT. So for every method that is OTHER it gets GET; the real method is read from the line
 * itself.
 */
static int parse_head(struct http_reader *reader)
{
	static const char get[] = "GET";
	size_t n_method = 0;

	http_parser_init(
		&reader->parser, reader->opts.kind == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE);
	reader->parser.data = reader;
	if (reader->opts.kind == HTTP_REQUESTS) {
		n_method = (size_t)((char *)memchr(reader->bytes, ' ', reader->n_bytes) -
				    reader->bytes);
		reader->head.verb = verb_of(reader->bytes, n_method);
		n_method = reader->head.verb == HTTP_VERB_OTHER ? n_method : 0;
	}
	if (n_method > 0) {
		(void)parse(reader, get, sizeof(get) - 1);
	}
	return parse(reader, reader->bytes + n_method, reader->n_bytes - n_method);
}

/** All lines have come. */
static int head_end(struct http_reader *reader)
{
	struct http_head *head = &reader->head;
	int r = parse_head(reader);

	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < reader->n_fields; i++) {
		reader->fields[i].value = trim(reader->fields[i].value);
	}
	reader->parser.upgrade = 0; /* ignored: RFC 9110, 7.8 */
	head->fields = reader->fields;
	head->n_fields = reader->n_fields;
	head->is_old = reader->parser.http_minor == 0;
	head->status = reader->parser.status_code;
	reader->in_chunks = (reader->parser.flags & F_CHUNKED) != 0;
	head->keeps_alive = !head->is_old && http_should_keep_alive(&reader->parser) != 0;
	r = look_at_extent(reader);
	if (r == 0 && reader->opts.kind == HTTP_REQUESTS) {
		r = look_at_request(reader);
	}
	if (r < 0) {
		return r;
	}
	reader->in_value = true;
	reader->state = STATE_HEADED;
	return HTTP_READ_HEAD;
}

/** A line is complete. HTTP_READ_MORE, HTTP_READ_HEAD or -EBADMSG. */
static int line_end(struct http_reader *reader)
{
	const char *line = reader->bytes + reader->line;
	size_t n = reader->n_bytes - reader->line;
	bool is_first = reader->header == 0;
	const char *why = NULL;
	int r = HTTP_READ_MORE;

	if (n < 2 || line[n - 2] != '\r' || memchr(line, '\r', n) != line + n - 2) {
		return refuse(reader, 400, "each line must end with CR LF, and have no other CR");
	}
	n -= 2;
	if (is_first) {
		why = http_line_first(line, n, reader->opts.kind == HTTP_ANSWERS);
		reader->header = reader->n_bytes;
	} else if (n > 0) {
		why = http_line_field(line, n);
	} else {
		r = head_end(reader);
	}
	reader->line = reader->n_bytes;
	return why == NULL ? r : refuse(reader, 400, why);
}

/** Checks the length of the part of the head that has come. 0 or -EBADMSG. */
static int look_at_bounds(struct http_reader *reader)
{
	if (reader->header == 0) {
		return reader->n_bytes <= START_LINE_MAX
			       ? 0
			       : refuse(reader, 414,
					 "the target is longer than 8 KiB; ask for less at once");
	}
	return reader->n_bytes - reader->header <= HTTP_HEADER_MAX + 2
		       ? 0
		       : refuse(reader, 431, "the header is longer than 16 KiB; send less");
}

static int head_append(struct http_reader *reader, struct span part)
{
	size_t wanted = reader->n_bytes + part.n;
	size_t room = reader->room == 0 ? HEAD_FIRST_ROOM : reader->room;

	while (room < wanted) {
		room *= 2;
	}
	if (room > reader->room) {
		char *bytes = realloc(reader->bytes, room);

		if (bytes == NULL) {
			return -ENOMEM;
		}
		reader->bytes = bytes;
		reader->room = room;
	}
	memcpy(reader->bytes + reader->n_bytes, part.bytes, part.n);
	reader->n_bytes = wanted;
	return 0;
}

/** Takes empty lines, and checks the first byte after them. */
static int skip_blanks(struct http_reader *reader, struct span *bytes)
{
	struct span skipped;

	while (bytes->n > 0 && (bytes->bytes[0] == '\r' || bytes->bytes[0] == '\n')) {
		(void)span_take(bytes, 1, &skipped);
		if (++reader->n_blanks > HTTP_BLANK_MAX) {
			return refuse(reader, 400, "there are more than 4 KiB of empty lines");
		}
	}
	if (bytes->n > 0) {
		if (!http_is_token(bytes->bytes[0])) {
			return refuse(reader, 400, "this is no HTTP");
		}
		reader->state = STATE_HEAD;
	}
	return HTTP_READ_MORE;
}

static int read_head(struct http_reader *reader, struct span *bytes)
{
	int r = HTTP_READ_MORE;

	while (r == HTTP_READ_MORE && bytes->n > 0) {
		const uint8_t *end = memchr(bytes->bytes, '\n', bytes->n);
		size_t n = end == NULL ? bytes->n : (size_t)(end - bytes->bytes) + 1;
		/* Bytes beyond the limit are not even stored. */
		size_t most = HTTP_HEADER_MAX + START_LINE_MAX;
		struct span part = {0};

		(void)span_take(bytes, n < most ? n : most, &part);
		r = head_append(reader, part);
		if (r == 0) {
			r = look_at_bounds(reader);
		}
		if (r == 0 && part.bytes[part.n - 1] == '\n') {
			r = line_end(reader);
		}
	}
	return r;
}

/* ---- the body ---- */

static int read_body(struct http_reader *reader, struct span *bytes)
{
	struct span part = *bytes;
	const char *why = NULL;
	int r;

	if (bytes->n == 0) {
		return HTTP_READ_MORE;
	}
	if (reader->in_chunks) {
		ptrdiff_t n = http_chunks_look(&reader->chunks, *bytes, &why);

		if (n < 0) {
			return refuse(reader, 400, why);
		}
		part.n = (size_t)n;
	}
	reader->n_framing += part.n; /* on_body() subtracts what is not framing */
	r = parse(reader, part.bytes, part.n);
	if (r < 0) {
		return r;
	}
	if (reader->in_chunks && (reader->chunks.state == HTTP_CHUNK_OVER) != reader->complete) {
		return refuse(reader, 400, "the trailers contradict the header; send none");
	}
	reader->n_framing -= part.n - (size_t)r;
	(void)span_take(bytes, (size_t)r, &part);
	if (reader->opts.kind == HTTP_REQUESTS && reader->n_framing > HTTP_FRAMING_MAX) {
		return refuse(
			reader, 413, "the body's chunks are too small; send it in larger ones");
	}
	return HTTP_READ_MORE;
}

int http_read(struct http_reader *reader, struct span *bytes)
{
	int r = HTTP_READ_MORE;

	if (reader->state == STATE_BLANKS) {
		r = skip_blanks(reader, bytes);
	}
	switch (reader->state) {
	case STATE_BLANKS:
		return r;
	case STATE_HEAD:
		return read_head(reader, bytes);
	case STATE_HEADED:
		r = reader->complete ? HTTP_READ_MORE : read_body(reader, bytes);
		if (r == HTTP_READ_MORE && reader->complete) {
			reader->state = STATE_ENDED;
			return HTTP_READ_END;
		}
		return r;
	case STATE_ENDED:
		return HTTP_READ_END;
	default:
		return -EBADMSG;
	}
}

/* ---- results ---- */

const struct http_head *http_reader_head(const struct http_reader *reader)
{
	return &reader->head;
}

const struct http_refusal *http_reader_refusal(const struct http_reader *reader)
{
	return &reader->refusal;
}

struct span http_head_field(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		if (span_says(head->fields[i].name, name)) {
			return head->fields[i].value;
		}
	}
	return (struct span){0};
}

/* ---- life ---- */

void http_reader_next(struct http_reader *reader)
{
	free(reader->bytes);
	*reader = (struct http_reader){.opts = reader->opts};
}

struct http_reader *http_reader_new(const struct http_reader_opts *opts)
{
	struct http_reader *reader = calloc(1, sizeof(*reader));

	if (reader != NULL) {
		reader->opts = *opts;
		if (opts->body_max == 0) {
			reader->opts.body_max = HTTP_BODY_MAX;
		}
	}
	return reader;
}

struct http_reader *http_reader_free(struct http_reader *reader)
{
	if (reader != NULL) {
		free(reader->bytes);
		free(reader);
	}
	return NULL;
}
