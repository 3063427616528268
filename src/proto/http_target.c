/* SPDX-License-Identifier: ISC */
#include "proto/http_target.h"

#include <errno.h>
#include <string.h>

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/** Decodes into `out`, which is large enough, and adds a NUL. Returns the length, or -EBADMSG. */
static int decode(struct span from, char plus, char *out, const char **ret_why)
{
	size_t n = 0;

	for (size_t i = 0; i < from.n; i++) {
		uint8_t c = from.bytes[i];

		if (c == '+') {
			c = (uint8_t)plus;
		} else if (c == '%') {
			int high = i + 2 < from.n ? hex_value(from.bytes[i + 1]) : -1;
			int low = i + 2 < from.n ? hex_value(from.bytes[i + 2]) : -1;

			if (high < 0 || low < 0) {
				*ret_why = "each '%' needs two hex digits after it";
				return -EBADMSG;
			}
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		if (c == '\0') {
			*ret_why = "there is a NUL in the target";
			return -EBADMSG;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return (int)n;
}

/** Takes the bytes before the first `c`, and `c` itself; all bytes if there is none. */
static struct span take_until(struct span *from, char c)
{
	const uint8_t *end = from->n > 0 ? memchr(from->bytes, c, from->n) : NULL;
	struct span part = {from->bytes, end == NULL ? from->n : (size_t)(end - from->bytes)};
	size_t taken = part.n + (end == NULL ? 0 : 1);

	if (taken > 0) {
		from->bytes += taken;
	}
	from->n -= taken;
	return part;
}

static int read_path(
	struct span path, struct http_target *target, size_t *used, const char **ret_why)
{
	struct span part;

	(void)span_take(&path, 1, &part); /* the first '/' */
	while (path.n > 0) {
		bool last = memchr(path.bytes, '/', path.n) == NULL;
		char *segment = target->text + *used;
		int n;

		part = take_until(&path, '/');
		n = decode(part, '+', segment, ret_why);
		if (n < 0) {
			return n;
		}
		if (n == 0 || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 ||
			(!last && path.n == 0)) {
			*ret_why = "the path has a segment that is empty, '.' or '..'";
			return -ENOENT;
		}
		if (target->n_segments == HTTP_SEGMENTS_MAX) {
			*ret_why = "the path has more than 8 segments";
			return -ENOENT;
		}
		target->segments[target->n_segments++] = segment;
		*used += (size_t)n + 1;
	}
	return 0;
}

static int read_query(
	struct span query, struct http_target *target, size_t *used, const char **ret_why)
{
	while (query.n > 0) {
		struct span value = take_until(&query, '&');
		struct span name;
		struct http_parameter *parameter;
		int n;

		if (value.n == 0) {
			continue;
		}
		if (target->n_parameters == HTTP_PARAMETERS_MAX) {
			*ret_why = "the query has more than 32 parameters";
			return -EBADMSG;
		}
		parameter = &target->parameters[target->n_parameters++];
		name = take_until(&value, '=');
		parameter->name = target->text + *used;
		n = decode(name, ' ', target->text + *used, ret_why);
		if (n < 0) {
			return n;
		}
		*used += (size_t)n + 1;
		parameter->value = target->text + *used;
		n = decode(value, ' ', target->text + *used, ret_why);
		if (n < 0) {
			return n;
		}
		*used += (size_t)n + 1;
	}
	return 0;
}

int http_target_parse(struct span bytes, struct http_target *ret_target, const char **ret_why)
{
	struct span query = bytes;
	struct span path = take_until(&query, '?');
	size_t used = 0;
	int r;

	ret_target->n_segments = 0;
	ret_target->n_parameters = 0;
	if (path.n == 0 || path.bytes[0] != '/' || bytes.n > HTTP_TARGET_MAX) {
		*ret_why = "the target must be a path of at most 8 KiB";
		return -EBADMSG;
	}
	r = read_path(path, ret_target, &used, ret_why);
	return r < 0 ? r : read_query(query, ret_target, &used, ret_why);
}

int http_target_escape(const char *segment, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *segment != '\0'; segment++) {
		uint8_t c = (uint8_t)*segment;
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z') || strchr("-._~:", c) != NULL;

		if (n + 4 > size) {
			return -EMSGSIZE;
		}
		if (is_plain) {
			out[n++] = (char)c;
		} else {
			out[n++] = '%';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		}
	}
	if (n + 1 > size) {
		return -EMSGSIZE;
	}
	out[n] = '\0';
	return (int)n;
}
