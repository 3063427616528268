/* SPDX-License-Identifier: ISC */
#include "log/fields.h"

#include <string.h>

#include "base/digits.h"
#include "base/text.h"

/* Returns the position of the closing quote. */
static const char *quote_end(const char *at)
{
	while (*at != '"') {
		at += *at == '\\' ? 2 : 1; /* the byte after a backslash is not the closing quote */
	}
	return at;
}

bool log_field_next(const char **at, const char *end, struct log_field *ret_field)
{
	const char *key = *at + 1;
	const char *value;
	const char *value_end;

	if (*at >= end) {
		return false;
	}
	value = (const char *)memchr(key, '=', (size_t)(end - key)) + 1;
	*ret_field = (struct log_field){.key = key, .key_len = (size_t)(value - 1 - key)};
	ret_field->is_quoted = value < end && *value == '"';
	if (ret_field->is_quoted) {
		value_end = quote_end(++value);
		*at = value_end + 1;
	} else {
		value_end = memchr(value, ' ', (size_t)(end - value));
		value_end = value_end == NULL ? end : value_end;
		*at = value_end;
	}
	ret_field->value = value;
	ret_field->value_len = (size_t)(value_end - value);
	return true;
}

size_t log_field_bytes(const struct log_field *field, char *out)
{
	const char *at = field->value;
	const char *end = at + field->value_len;
	size_t n = 0;

	while (at < end) {
		if (field->is_quoted && *at == '\\') {
			at += text_unescape(at, &out[n++]);
		} else {
			out[n++] = *at++;
		}
	}
	return n;
}

static size_t count_digits(const char *at, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(at[n])) {
		n++;
	}
	return n;
}

bool log_is_number(const char *value, size_t len)
{
	size_t at = len > 0 && value[0] == '-' ? 1 : 0;
	size_t n = count_digits(value + at, len - at);

	at += n;
	if (n > 0 && at < len && value[at] == '.') {
		n = count_digits(value + at + 1, len - at - 1);
		at += 1 + n;
	}
	return n > 0 && at == len;
}
