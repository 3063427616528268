/* SPDX-License-Identifier: ISC */
/* Reading requests and answers in pieces of any size, refusing hostile ones, and writing. */
#include "proto/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http_target.h"
#include "suite.h"

#define N_ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define HOST         "Host: a\r\n"

static char *said; /* what was read, in words; it has `size` bytes */
static size_t size;
static FILE *words;

static void setup(void)
{
	words = open_memstream(&said, &size);
	ck_assert_ptr_nonnull(words);
}

static void teardown(void)
{
	(void)fclose(words);
	free(said);
}

static void on_body(void *owner, const void *bytes, size_t n)
{
	(void)owner;
	(void)fprintf(words, "%.*s", (int)n, (const char *)bytes);
}

static void say_head(enum http_kind kind, const struct http_head *head)
{
	if (kind == HTTP_ANSWERS) {
		(void)fprintf(words, "[%u", head->status);
	} else {
		const char *verb = http_verb_name(head->verb);

		(void)fprintf(words, "[%s %.*s", verb == NULL ? "OTHER" : verb, (int)head->target.n,
			(const char *)head->target.bytes);
		(void)fprintf(words, " host=%.*s", (int)head->host.n,
			head->host.bytes == NULL ? "" : (const char *)head->host.bytes);
	}
	(void)fprintf(words, " fields=%zu%s%s%s]", head->n_fields, head->is_old ? " old" : "",
		head->keeps_alive ? "" : " last", head->awaits_continue ? " waits" : "");
}

/** Reads the bytes in pieces of `piece`, each in memory of its exact size, so that a sanitizer
 * sees a read beyond it. */
static int read_all(enum http_kind kind, const char *bytes, size_t n, size_t piece,
	struct http_refusal *ret_refusal)
{
	static char why[128]; /* a copy: the reader's text is freed with it */
	struct http_reader_opts opts = {.kind = kind, .body = on_body};
	struct http_reader *reader = http_reader_new(&opts);
	int r = 0;

	ck_assert_ptr_nonnull(reader);
	rewind(words);
	for (size_t at = 0; at < n && r >= 0; at += piece) {
		size_t part = piece < n - at ? piece : n - at;
		uint8_t *exact = malloc(part);
		struct span span = {exact, part};

		memcpy(exact, bytes + at, part);
		do {
			r = http_read(reader, &span);
			if (r == HTTP_READ_HEAD) {
				say_head(kind, http_reader_head(reader));
			} else if (r == HTTP_READ_END) {
				(void)fprintf(words, ".");
				http_reader_next(reader);
			}
		} while (r > 0);
		ck_assert(r < 0 || span.n == 0);
		free(exact);
	}
	if (r == -EBADMSG) {
		*ret_refusal = *http_reader_refusal(reader);
		(void)snprintf(why, sizeof(why), "%s", ret_refusal->why);
		ret_refusal->why = why;
	}
	http_reader_free(reader);
	(void)fputc('\0', words);
	ck_assert_int_eq(fflush(words), 0);
	return r;
}

/* ---- what is right ---- */

static const struct {
	enum http_kind kind;
	const char *bytes;
	const char *what;
} right[] = {
	{HTTP_REQUESTS, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "[GET / host=a fields=1]."},
	{HTTP_REQUESTS, "\r\n\r\nHEAD /x?y=%2f HTTP/1.1\r\nhost:\ta.b:1 \r\nX:\r\n\r\n",
		"[HEAD /x?y=%2f host=a.b:1 fields=2]."},
	{HTTP_REQUESTS, "GET /old HTTP/1.0\r\n\r\n", "[GET /old host= fields=0 old last]."},
	{HTTP_REQUESTS, "GET http://b:1/p?q HTTP/1.1\r\n" HOST "\r\n",
		"[GET /p?q host=b:1 fields=1]."},
	{HTTP_REQUESTS, "GET HTTP://b HTTP/1.0\r\n\r\n", "[GET / host=b fields=0 old last]."},
	{HTTP_REQUESTS, "DELETE /p HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
		"[DELETE /p host=a fields=2 last]."},
	{HTTP_REQUESTS, "PUT /p HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
		"[PUT /p host=a fields=2]abc."},
	{HTTP_REQUESTS,
		"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n",
		"[POST /p host=a fields=2]abc."},
	{HTTP_REQUESTS,
		"PATCH /p HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n{}",
		"[PATCH /p host=a fields=3 waits]{}."},
	{HTTP_REQUESTS, "OPTIONS /p HTTP/1.1\r\n" HOST "\r\nPURGE /q HTTP/1.1\r\n" HOST "\r\n",
		"[OTHER /p host=a fields=1].[OTHER /q host=a fields=1]."},
	{HTTP_REQUESTS,
		"get /p HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nxCONNECT /q HTTP/1.0\r\n\r\n",
		"[OTHER /p host=a fields=2]x.[OTHER /q host= fields=0 old last]."},
	{HTTP_REQUESTS,
		"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"00A ;x=\"y\"\r\n0123456789\r\n0;last\r\nX:\r\nY: \t1\r\n\r\nGET / "
		"HTTP/1.0\r\n\r\n",
		"[POST /p host=a fields=2]0123456789.[GET / host= fields=0 old last]."},
	{HTTP_REQUESTS,
		"POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"1\r\nx\r\n0\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		"[POST /p host=a fields=2]x.[GET / host= fields=0 old last]."},
	{HTTP_REQUESTS,
		"GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
		"Content-Length: 1\r\n\r\nx\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n",
		"[GET /1 host=a fields=1].[POST /2 host=a fields=2]x.[GET /3 host=a fields=1]."},
	{HTTP_REQUESTS,
		"POST /1 HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\n"
		"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 1\r\n\r\nx"
		"GET /2 HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
		"GET /3 HTTP/1.1\r\n" HOST "\r\n",
		"[POST /1 host=a fields=5]x.[GET /2 host=a fields=3].[GET /3 host=a fields=1]."},
	{HTTP_ANSWERS, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "[200 fields=1]ok."},
	{HTTP_ANSWERS, "HTTP/1.1 204 \r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
		"[204 fields=0].[404 fields=1]."},
	{HTTP_ANSWERS,
		"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n"
		"Connection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"[503 fields=2 last]abc."},
};

START_TEST(a_message_is_read_in_whatever_pieces)
{
	const char *bytes = right[_i].bytes;
	size_t n = strlen(bytes);
	struct http_refusal refusal;

	for (size_t piece = 1; piece <= n; piece++) {
		ck_assert_int_eq(
			read_all(right[_i].kind, bytes, n, piece, &refusal), HTTP_READ_MORE);
		ck_assert_str_eq(said, right[_i].what);
	}
}
END_TEST

START_TEST(each_part_of_a_message_is_incomplete)
{
	const char *bytes = right[_i].bytes;
	size_t n = strlen(bytes);
	struct http_refusal refusal;

	for (size_t part = 0; part < n; part++) {
		ck_assert_int_eq(
			read_all(right[_i].kind, bytes, part, n, &refusal), HTTP_READ_MORE);
		ck_assert(strlen(said) < strlen(right[_i].what));
	}
}
END_TEST

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

/* ---- what is refused ---- */

static const struct {
	const char *bytes;
	unsigned int status;
	const char *why;
} wrong[] = {
	{"GET / HTTP/9.9\r\n", 400, "version"},
	{"GET / HTTP/1.2\r\n", 400, "version"},
	{"GET / HTTP/2.0\r\n", 400, "version"},
	{"GET / http/1.1\r\n", 400, "version"},
	{"GET /\r\n", 400, "version"},
	{"GET\r\n", 400, "version"},
	{"GET  / HTTP/1.1\r\n", 400, "first line"},
	{"GET / x HTTP/1.1\r\n", 400, "first line"},
	{"G(T / HTTP/1.1\r\n", 400, "first line"},
	{"GET /\xff HTTP/1.1\r\n", 400, "ASCII"},
	{"GET /\x01 HTTP/1.1\r\n", 400, "ASCII"},
	{"GET / HTTP/1.1\n", 400, "CR LF"},
	{"GET / HTTP/1.1\r\r\n", 400, "CR LF"},
	{"GET / HTTP/1.1\r\nHost: a\n", 400, "CR LF"},
	{"GET / HTTP/1.1\r\nHo\rst: a\r\n", 400, "CR LF"},
	{"\x16\x03\x01", 400, "no HTTP"},
	{" GET / HTTP/1.1\r\n", 400, "no HTTP"},
	{"GET / HTTP/1.1\r\n\r\n", 400, "one Host"},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400, "one Host"},
	{"GET / HTTP/1.0\r\n" HOST "Host: b\r\n\r\n", 400, "one Host"},
	{"GET / HTTP/1.1\r\nHost : a\r\n", 400, "colon"},
	{"GET / HTTP/1.1\r\n: a\r\n", 400, "colon"},
	{"GET / HTTP/1.1\r\nHost\r\n", 400, "colon"},
	{"GET / HTTP/1.1\r\nHo st: a\r\n", 400, "colon"},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n", 400, "folded"},
	{"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n", 400, "folded"},
	{"GET / HTTP/1.1\r\nX: a\x01\r\n", 400, "control"},
	{"GET / HTTP/1.1\r\nX: a\x7f\r\n", 400, "control"},
	{"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"GET https://a/ HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"GET http:/// HTTP/1.1\r\n" HOST "\r\n", 400, ""},
	{"GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"GET http://a?x HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"GET http://a/ HTTP/1.1\r\n\r\n", 400, "one Host"},
	{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"GET /#x HTTP/1.1\r\n" HOST "\r\n", 400, "no proxy"},
	{"POST / HTTP/1.1\r\n" HOST "Expect: much\r\nContent-Length: 1\r\n\r\n", 400, "Expect"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413, "64 KiB"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400, "content-length"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400,
		"content-length"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
		"content-length"},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
		"content-length"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "chunked"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400, "encoding"},
	{"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400, "chunked"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, "chunk"},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	 "fffffffffffffffff\r\n",
		400, "15 hexadecimal"},
	/* other errors in the framing of a body */
	{CHUNKED "3\r\nabcxy0\r\n\r\n", 400, "longer than its size"},
	{CHUNKED "3\r\nabc\rx0\r\n\r\n", 400, "longer than its size"},
	{CHUNKED "3\r\nabc\n\n0\r\n\r\n", 400, "longer than its size"},
	{CHUNKED "3\r\nabc\n0\r\n\r\n", 400, "longer than its size"},
	{CHUNKED "3\nabc\r\n0\r\n\r\n", 400, "its size"},
	{CHUNKED "3\rxabc\r\n0\r\n\r\n", 400, "CR LF"},
	{CHUNKED "3;a\nabc\r\n0\r\n\r\n", 400, "CR LF"},
	{CHUNKED "3;\x01\r\nabc\r\n0\r\n\r\n", 400, "control"},
	{CHUNKED "3 a\r\nabc\r\n0\r\n\r\n", 400, "';'"},
	{CHUNKED "3a b\r\n", 400, "';'"},
	{CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400, "its size"},
	{CHUNKED "-3\r\n", 400, "its size"},
	{CHUNKED "+3\r\n", 400, "its size"},
	{CHUNKED " 3\r\n", 400, "its size"},
	{CHUNKED "\r\n", 400, "its size"},
	{CHUNKED ";a\r\n", 400, "its size"},
	{CHUNKED "0\r\n\n", 400, "trailers"},
	{CHUNKED "0\r\n\rx", 400, "CR LF"},
	{CHUNKED "0\r\nX: y\n\r\n", 400, "trailers have"},
	{CHUNKED "0\r\nX : y\r\n", 400, "trailers is not"},
	{CHUNKED "0\r\n y\r\n", 400, "trailers is not"},
	{CHUNKED "0\r\n: y\r\n", 400, "trailers is not"},
	{CHUNKED "0\r\nX: \x7f\r\n", 400, "trailers have"},
};

START_TEST(what_no_bytes_make_right_is_refused)
{
	size_t n = strlen(wrong[_i].bytes);
	struct http_refusal refusal;

	for (size_t piece = 1; piece <= n; piece += n - 1) {
		refusal = (struct http_refusal){0};
		ck_assert_int_eq(
			read_all(HTTP_REQUESTS, wrong[_i].bytes, n, piece, &refusal), -EBADMSG);
		ck_assert_msg(refusal.status == wrong[_i].status &&
				      strstr(refusal.why, wrong[_i].why) != NULL,
			"%u %s", refusal.status, refusal.why);
	}
}
END_TEST

START_TEST(answers_of_others_are_refused)
{
	static const char *const answers[] = {"not known; ask for reload or status\nfailed\n",
		"HTTP/3.0 200 OK\r\n", "HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "\r\n \r\n", "GET / HTTP/1.1\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n"};
	struct http_refusal refusal;

	ck_assert_int_eq(
		read_all(HTTP_ANSWERS, answers[_i], strlen(answers[_i]), 7, &refusal), -EBADMSG);
}
END_TEST

/** `before`, then `n` bytes of `fill` over and over, then `behind`. */
static char *long_text(const char *before, size_t n, const char *fill, const char *behind)
{
	size_t len = strlen(before);
	char *text = malloc(len + n + strlen(behind) + 1);

	ck_assert_ptr_nonnull(text);
	memcpy(text, before, len);
	for (size_t i = 0; i < n; i++) {
		text[len + i] = fill[i % strlen(fill)];
	}
	strcpy(text + len + n, behind);
	return text;
}

#define FIELD_HEAD "GET / HTTP/1.1\r\nHost: a\r\nX: "

/* A text with `most` bytes of `fill` is read; with `beyond` bytes more it is refused. */
static const struct {
	const char *before;
	size_t most;
	size_t beyond;
	const char *fill;
	const char *behind;
	unsigned int status;
} bounds[] = {
	{"", HTTP_BLANK_MAX, 2, "\r\n", "GET / HTTP/1.1\r\n" HOST "\r\n", 400},
	{"GET /", HTTP_TARGET_MAX - 1, 1, "x", " HTTP/1.1\r\n" HOST "\r\n", 414},
	{"GET /", 0, 70000, "x", " HTTP/1.1\r\n" HOST "\r\n", 414},
	{FIELD_HEAD, HTTP_HEADER_MAX - 14, 1, "x", "\r\n\r\n", 431},
	{FIELD_HEAD, 0, 70000, "x", "\r\n\r\n", 431},
	{"GET / HTTP/1.1\r\n" HOST, (HTTP_FIELDS_MAX - 1) * 4, 4, "X:\r\n", "\r\n", 431},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n", 65536, 0, "x", "", 0},
	{CHUNKED "10000\r\n", 65536, 0, "x", "\r\n0\r\n\r\n", 0},
	{CHUNKED "10000\r\n", 65536, 7, "x", "\r\n0\r\n\r\n", 400},
	{CHUNKED, HTTP_BODY_MAX * 6, 6, "1\r\nx\r\n", "0\r\n\r\n", 413},
	{CHUNKED "0\r\n", HTTP_FIELDS_MAX * 6, 6, "X: y\r\n", "\r\n", 431},
	{CHUNKED "0\r\nX: ", HTTP_HEADER_MAX - 1, 1, "x", "\r\n\r\n", 431},
	{CHUNKED "1;", 0, 90000, "x", "\r\ny\r\n0\r\n\r\n", 400},
};

START_TEST(what_is_longer_than_its_bound_is_refused)
{
	for (size_t over = 0; over < 2; over++) {
		char *text =
			long_text(bounds[_i].before, bounds[_i].most + over * bounds[_i].beyond,
				bounds[_i].fill, bounds[_i].behind);
		struct http_refusal refusal = {0};
		bool is_right = over == 0 || bounds[_i].beyond == 0;

		for (size_t piece = 1000; piece <= 64000; piece += 63000) {
			ck_assert_int_eq(
				read_all(HTTP_REQUESTS, text, strlen(text), piece, &refusal),
				is_right ? HTTP_READ_MORE : -EBADMSG);
			ck_assert_uint_eq(refusal.status, is_right ? 0 : bounds[_i].status);
			ck_assert_int_eq(is_right, said[strlen(said) - (*said != 0)] == '.');
		}
		free(text);
	}
}
END_TEST

/** Chunks of one byte with long extensions, each below the parser's own bound. */
START_TEST(what_frames_a_body_has_a_bound_too)
{
	char *chunk = long_text("1;", 60000, "x", "\r\ny\r\n");
	char *text = long_text(CHUNKED, 10 * strlen(chunk), chunk, "");
	struct http_refusal refusal;

	ck_assert_int_eq(read_all(HTTP_REQUESTS, text, strlen(text), 64000, &refusal), -EBADMSG);
	ck_assert_uint_eq(refusal.status, 413);
	free(chunk);
	free(text);
}
END_TEST

START_TEST(a_field_is_found_by_its_name_in_whatever_case)
{
	struct http_reader_opts opts = {.kind = HTTP_ANSWERS, .body = on_body};
	struct http_reader *reader = http_reader_new(&opts);
	static const char text[] =
		"HTTP/1.1 200 OK\r\ncontent-TYPE:  a/b \r\nContent-Length: 0\r\n\r\n";
	struct span bytes = {(const uint8_t *)text, sizeof(text) - 1};
	struct span value;

	ck_assert_int_eq(http_read(reader, &bytes), HTTP_READ_HEAD);
	value = http_head_field(http_reader_head(reader), "Content-Type");
	ck_assert(value.n == 3 && memcmp(value.bytes, "a/b", 3) == 0);
	ck_assert_ptr_null(http_head_field(http_reader_head(reader), "Content").bytes);
	http_reader_free(reader);
}
END_TEST

/* ---- writing ---- */

START_TEST(what_is_written_is_read_the_same)
{
	struct http_request request = {"PATCH", "/v1/x", "weir", "application/json", 2};
	struct http_answer answer = {
		.status = 404, .type = "a/b", .fields = "Allow: GET\r\n", .extent = HTTP_CHUNKS};
	struct http_refusal refusal;
	char text[HTTP_BUILT_MAX];
	char chunk[HTTP_CHUNK_MAX];
	int n = http_build_request(&request, text, sizeof(text));

	ck_assert_int_gt(n, 0);
	(void)strcpy(text + n, "{}");
	ck_assert_int_eq(read_all(HTTP_REQUESTS, text, strlen(text), 9, &refusal), HTTP_READ_MORE);
	ck_assert_str_eq(said, "[PATCH /v1/x host=weir fields=3]{}.");
	n = http_build_answer(&answer, text, sizeof(text));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(http_build_chunk(17, chunk), 4);
	(void)sprintf(text + n, "%s%s%s%s", chunk, "12345678901234567", HTTP_CHUNK_AFTER,
		HTTP_CHUNK_LAST);
	ck_assert_int_eq(read_all(HTTP_ANSWERS, text, strlen(text), 9, &refusal), HTTP_READ_MORE);
	ck_assert_str_eq(said, "[404 fields=5]12345678901234567.");
	answer.extent = HTTP_LENGTH;
	answer.closes = true;
	n = http_build_answer(&answer, text, sizeof(text));
	ck_assert_int_eq(read_all(HTTP_ANSWERS, text, (size_t)n, 9, &refusal), HTTP_READ_MORE);
	ck_assert_str_eq(said, "[404 fields=6 last].");
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
	struct http_request request = {.method = "GET", .target = "/", .host = "weir"};
	struct http_answer answer = {.status = 200, .closes = true};
	char text[HTTP_BUILT_MAX];
	int n = http_build_request(&request, text, sizeof(text));

	for (size_t room = 0; room <= (size_t)n; room++) {
		ck_assert_int_eq(http_build_request(&request, text, room), -EMSGSIZE);
	}
	ck_assert_int_eq(http_build_request(&request, text, (size_t)n + 1), n);
	ck_assert_int_eq(http_build_answer(&answer, text, 20), -EMSGSIZE);
}
END_TEST

/* ---- targets ---- */

static const struct {
	const char *bytes;
	const char *what; /* NULL: it is refused */
	int r;            /* the error then; 0: -EBADMSG */
} targets[] = {
	{"/", "", 0},
	{"/v1/status", "/v1/status", 0},
	{"/v1/a%2Fb/c%20d+e", "/v1/a/b/c d+e", 0},
	{"/x?", "/x", 0},
	{"/x?a=1&b&&c=%3d=+%2B", "/x a=1 b= c=== +", 0},
	{"/?limit=5", " limit=5", 0},
	{"/%252e%252e", "/%2e%2e", 0},
	{"/...", "/...", 0},
	{"/1/2/3/4/5/6/7/8", "/1/2/3/4/5/6/7/8", 0},
	{"/1/2/3/4/5/6/7/8/9", NULL, -ENOENT},
	{"", NULL, 0},
	{"x", NULL, 0},
	{"?x", NULL, 0},
	{"//", NULL, -ENOENT},
	{"/a//b", NULL, -ENOENT},
	{"/a/", NULL, -ENOENT},
	{"/.", NULL, -ENOENT},
	{"/a/..", NULL, -ENOENT},
	{"/%2e%2E/x", NULL, -ENOENT},
	{"/%2e", NULL, -ENOENT},
	{"/a%00b", NULL, 0},
	{"/x?a=%00", NULL, 0},
	{"/x?%0", NULL, 0},
	{"/%", NULL, 0},
	{"/%4", NULL, 0},
	{"/%zz", NULL, 0},
};

START_TEST(a_target_is_split_and_then_decoded_once)
{
	size_t n = strlen(targets[_i].bytes);
	uint8_t *exact = malloc(n + 1);
	static struct http_target target;
	const char *why = NULL;
	char text[256] = "";
	int r;

	memcpy(exact, targets[_i].bytes, n);
	r = http_target_parse((struct span){exact, n}, &target, &why);
	free(exact);
	if (targets[_i].what == NULL) {
		ck_assert_int_eq(r, targets[_i].r == 0 ? -EBADMSG : targets[_i].r);
		ck_assert_ptr_nonnull(why);
		return;
	}
	ck_assert_int_eq(r, 0);
	for (size_t i = 0; i < target.n_segments; i++) {
		(void)sprintf(text + strlen(text), "/%s", target.segments[i]);
	}
	for (size_t i = 0; i < target.n_parameters; i++) {
		(void)sprintf(text + strlen(text), " %s=%s", target.parameters[i].name,
			target.parameters[i].value);
	}
	ck_assert_str_eq(text, targets[_i].what);
}
END_TEST

START_TEST(the_longest_target_has_room)
{
	char *text = long_text("/?", HTTP_TARGET_MAX - 2, "&a", "");
	static struct http_target target;
	const char *why;
	struct span span = {(const uint8_t *)text, HTTP_TARGET_MAX};

	ck_assert_int_eq(http_target_parse(span, &target, &why), -EBADMSG);
	span.n = 66; /* 32 parameters of two bytes each */
	ck_assert_int_eq(http_target_parse(span, &target, &why), 0);
	ck_assert_uint_eq(target.n_parameters, HTTP_PARAMETERS_MAX);
	free(text);
}
END_TEST

START_TEST(a_name_is_escaped_for_a_path)
{
	char text[64];
	static struct http_target target;
	const char *why;
	int n;

	text[0] = '/';
	n = http_target_escape("a/b c%\xc3\xa4..", text + 1, sizeof(text) - 1);
	ck_assert_str_eq(text, "/a%2Fb%20c%25%C3%A4..");
	ck_assert_int_eq(http_target_parse((struct span){(const uint8_t *)text, (size_t)n + 1},
				 &target, &why),
		0);
	ck_assert_str_eq(target.segments[0], "a/b c%\xc3\xa4..");
	for (size_t room = 0; room < 5; room++) {
		ck_assert_int_eq(http_target_escape("ab", text, room), room > 4 ? 2 : -EMSGSIZE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tc = tcase_create("http");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_message_is_read_in_whatever_pieces, 0, N_ROWS(right));
	tcase_add_loop_test(tc, each_part_of_a_message_is_incomplete, 0, N_ROWS(right));
	tcase_add_loop_test(tc, what_no_bytes_make_right_is_refused, 0, N_ROWS(wrong));
	tcase_add_loop_test(tc, answers_of_others_are_refused, 0, 7);
	tcase_add_loop_test(tc, what_is_longer_than_its_bound_is_refused, 0, N_ROWS(bounds));
	tcase_add_test(tc, what_frames_a_body_has_a_bound_too);
	tcase_add_test(tc, a_field_is_found_by_its_name_in_whatever_case);
	tcase_add_test(tc, what_is_written_is_read_the_same);
	tcase_add_test(tc, what_does_not_fit_is_not_written);
	tcase_add_loop_test(tc, a_target_is_split_and_then_decoded_once, 0, N_ROWS(targets));
	tcase_add_test(tc, the_longest_target_has_room);
	tcase_add_test(tc, a_name_is_escaped_for_a_path);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
