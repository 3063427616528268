/* SPDX-License-Identifier: ISC */
/*
 * Requests or answers from any bytes. The first byte says which of the two, and how large the
 * pieces are in which the others are read. In pieces the same is read as at once. What is read lies
 * within its bounds. A target that is written anew has the same segments.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/http.h"
#include "proto/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What is read is added up, so that two readings can be compared. */
struct reading {
	uint64_t sum;
	size_t n_heads;
	size_t n_ends;
	size_t n_body;
	int result;
	unsigned int status;
};

static void add(struct reading *reading, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		reading->sum = (reading->sum ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
	}
}

static void on_body(void *owner, const void *bytes, size_t n)
{
	struct reading *reading = owner;

	reading->n_body += n;
	add(reading, bytes, n);
}

static void check_target(struct span span)
{
	static struct http_target target;
	static struct http_target again;
	static char text[3 * HTTP_TARGET_MAX + 1];
	const char *why = NULL;
	size_t n = 0;

	if (http_target_parse(span, &target, &why) < 0) {
		assert(why != NULL);
		return;
	}
	assert(target.n_segments <= HTTP_SEGMENTS_MAX &&
		target.n_parameters <= HTTP_PARAMETERS_MAX);
	for (size_t i = 0; i < target.n_segments; i++) {
		int r;

		assert(*target.segments[i] != '\0' && strcmp(target.segments[i], "..") != 0);
		text[n++] = '/';
		r = http_target_escape(target.segments[i], text + n, sizeof(text) - n);
		assert(r > 0);
		n += (size_t)r;
	}
	if (n > 0 && n <= HTTP_TARGET_MAX) {
		struct span written = {(const uint8_t *)text, n};

		assert(http_target_parse(written, &again, &why) == 0);
		assert(again.n_segments == target.n_segments);
		for (size_t i = 0; i < target.n_segments; i++) {
			assert(strcmp(again.segments[i], target.segments[i]) == 0);
		}
	}
}

static void check_head(enum http_kind kind, const struct http_head *head, struct reading *reading)
{
	assert(head->n_fields <= HTTP_FIELDS_MAX);
	for (size_t i = 0; i < head->n_fields; i++) {
		add(reading, head->fields[i].name.bytes, head->fields[i].name.n);
		add(reading, head->fields[i].value.bytes, head->fields[i].value.n);
		assert(head->fields[i].name.n > 0);
		assert(head->fields[i].value.n <= HTTP_HEADER_MAX);
	}
	if (kind == HTTP_REQUESTS) {
		assert(head->target.n <= HTTP_TARGET_MAX && head->target.bytes[0] == '/');
		assert(head->is_old || head->host.bytes != NULL);
		add(reading, head->target.bytes, head->target.n);
		check_target(head->target);
	}
}

static struct reading read_all(enum http_kind kind, const uint8_t *data, size_t size, size_t piece)
{
	struct reading reading = {0};
	struct http_reader_opts opts = {.kind = kind, .body = on_body, .owner = &reading};
	struct http_reader *reader = http_reader_new(&opts);

	assert(reader != NULL);
	for (size_t at = 0; at < size && reading.result >= 0; at += piece) {
		struct span span = {data + at, piece < size - at ? piece : size - at};

		do {
			reading.result = http_read(reader, &span);
			if (reading.result == HTTP_READ_HEAD) {
				reading.n_heads++;
				check_head(kind, http_reader_head(reader), &reading);
			} else if (reading.result == HTTP_READ_END) {
				reading.n_ends++;
				reading.n_body = 0;
				http_reader_next(reader);
			}
			assert(kind == HTTP_ANSWERS || reading.n_body <= HTTP_BODY_MAX);
		} while (reading.result > 0);
		assert(reading.result < 0 || span.n == 0);
	}
	if (reading.result < 0) {
		assert(reading.result == -EBADMSG);
		reading.status = http_reader_refusal(reader)->status;
		assert(reading.status >= 400 && http_reader_refusal(reader)->why != NULL);
	}
	http_reader_free(reader);
	return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum http_kind kind;
	struct reading whole;
	struct reading pieces;

	if (size < 1) {
		return 0;
	}
	kind = (data[0] & 1) != 0 ? HTTP_ANSWERS : HTTP_REQUESTS;
	whole = read_all(kind, data + 1, size - 1, size);
	pieces = read_all(kind, data + 1, size - 1, 1 + data[0] / 2);
	assert(whole.n_heads == pieces.n_heads && whole.n_ends == pieces.n_ends);
	assert(whole.result == pieces.result);
	/* How much of a wrong body is read before the error depends on the pieces. */
	assert(whole.result < 0 || whole.sum == pieces.sum);
	return 0;
}
