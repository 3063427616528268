/* SPDX-License-Identifier: ISC */
#include "proto/http_line.h"

#include <string.h>

bool http_is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/** RFC 9112, 3: in a request the version is at the end; 4: in an answer it is at the beginning. */
static bool has_version(const char *line, size_t n, bool is_answer)
{
	static const char version[] = "HTTP/1.";
	size_t len = sizeof(version) - 1;
	const char *at = is_answer ? line : line + n - len - 1;

	if (n < len + 2 || memcmp(at, version, len) != 0 || (at[len] != '0' && at[len] != '1')) {
		return false;
	}
	return is_answer ? at[len + 1] == ' ' : at[-1] == ' ';
}

const char *http_line_first(const char *line, size_t n, bool is_answer)
{
	size_t n_blanks = 0;
	size_t n_method = 0; /* up to the first blank, which exists */

	if (!has_version(line, n, is_answer)) {
		return "the version must be HTTP/1.1 or HTTP/1.0";
	}
	for (size_t i = 0; i < n; i++) {
		if (line[i] < ' ' || line[i] > '~') {
			return "the first line must be printable ASCII";
		}
		n_blanks += line[i] == ' ' ? 1 : 0;
	}
	while (http_is_token((uint8_t)line[n_method])) {
		n_method++;
	}
	if (!is_answer && (n_blanks != 2 || n_method == 0 || line[n_method] != ' ')) {
		return "the first line must be 'METHOD TARGET HTTP/1.1'";
	}
	return NULL;
}

const char *http_line_field(const char *line, size_t n)
{
	size_t name = 0;

	if (line[0] == ' ' || line[0] == '\t') {
		return "a line of the header is folded; write it in one";
	}
	while (name < n && http_is_token((uint8_t)line[name])) {
		name++;
	}
	if (name == 0 || name == n || line[name] != ':') {
		return "a line of the header is not 'Name: value', the colon right after the name";
	}
	for (size_t i = name; i < n; i++) {
		uint8_t c = (uint8_t)line[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			return "the header has a control character";
		}
	}
	return NULL;
}
