/* SPDX-License-Identifier: ISC */
/* Writes heads of requests and answers in wire format. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/http.h"

const char *http_verb_name(enum http_verb verb)
{
	static const char *const names[] = {
		[HTTP_VERB_GET] = "GET",
		[HTTP_VERB_HEAD] = "HEAD",
		[HTTP_VERB_POST] = "POST",
		[HTTP_VERB_PUT] = "PUT",
		[HTTP_VERB_PATCH] = "PATCH",
		[HTTP_VERB_DELETE] = "DELETE",
		[HTTP_VERB_OTHER] = NULL,
	};

	return names[verb];
}

const char *http_status_words(unsigned int status)
{
	static const struct {
		unsigned int status;
		const char *words;
	} all[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{421, "Misdirected Request"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].status == status) {
			return all[i].words;
		}
	}
	return "Other";
}

/** A text that grows, in `size` bytes; `n` is its length, even if it exceeds `size`. */
struct text {
	char *out;
	size_t size;
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	size_t room = text->n < text->size ? text->size - text->n : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room > 0 ? text->out + text->n : NULL, room, format, args);
	va_end(args);
	text->n += n > 0 ? (size_t)n : 0;
}

static int finish(const struct text *text)
{
	return text->n < text->size ? (int)text->n : -EMSGSIZE;
}

int http_build_request(const struct http_request *request, char *out, size_t size)
{
	struct text text = {.out = out, .size = size};

	add(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", request->method, request->target,
		request->host);
	if (request->type != NULL) {
		add(&text, "Content-Type: %s\r\nContent-Length: %zu\r\n", request->type,
			request->length);
	}
	add(&text, "\r\n");
	return finish(&text);
}

int http_build_answer(const struct http_answer *answer, char *out, size_t size)
{
	struct text text = {.out = out, .size = size};

	add(&text, "HTTP/1.1 %u %s\r\n", answer->status, http_status_words(answer->status));
	if (answer->type != NULL) {
		add(&text, "Content-Type: %s\r\n", answer->type);
	}
	if (answer->extent == HTTP_LENGTH) {
		add(&text, "Content-Length: %" PRIu64 "\r\n", answer->length);
	} else if (answer->extent == HTTP_CHUNKS) {
		add(&text, "Transfer-Encoding: chunked\r\n");
	}
	if (answer->fields != NULL) {
		add(&text, "%s", answer->fields);
	}
	add(&text, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s\r\n",
		answer->closes ? "Connection: close\r\n" : "");
	return finish(&text);
}

int http_build_chunk(size_t n, char out[HTTP_CHUNK_MAX])
{
	return snprintf(out, HTTP_CHUNK_MAX, "%zx\r\n", n);
}
