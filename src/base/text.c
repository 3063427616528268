/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

bool text_is_plain(char byte)
{
	return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

size_t text_escape(char byte, char escape[TEXT_ESCAPE_MAX])
{
	unsigned char number = (unsigned char)byte;

	escape[0] = '\\';
	if (byte == '"' || byte == '\\') {
		escape[1] = byte;
		return 2;
	}
	escape[1] = 'x';
	escape[2] = digits[number >> 4];
	escape[3] = digits[number & 0xf];
	return TEXT_ESCAPE_MAX;
}

static unsigned int nibble(char digit)
{
	return (unsigned int)(strchr(digits, digit) - digits);
}

size_t text_unescape(const char *escape, char *ret_byte)
{
	if (escape[1] != 'x') {
		*ret_byte = escape[1];
		return 2;
	}
	*ret_byte = (char)(nibble(escape[2]) << 4 | nibble(escape[3]));
	return TEXT_ESCAPE_MAX;
}

size_t text_from_latin1(char latin1, char utf8[TEXT_LATIN1_MAX])
{
	unsigned char number = (unsigned char)latin1;

	if (number < 0x80) {
		utf8[0] = latin1;
		return 1;
	}
	utf8[0] = (char)(0xc0 | number >> 6);
	utf8[1] = (char)(0x80 | (number & 0x3f));
	return TEXT_LATIN1_MAX;
}

char *text_copy_latin1(const char *latin1)
{
	char *copy = malloc(TEXT_LATIN1_MAX * strlen(latin1) + 1);
	size_t n = 0;

	if (copy != NULL) {
		for (; *latin1 != '\0'; latin1++) {
			n += text_from_latin1(*latin1, copy + n);
		}
		copy[n] = '\0';
	}
	return copy;
}

size_t text_next_line(const char **text, const char **ret_line)
{
	const char *line = *text + strspn(*text, "\n");
	size_t n = strcspn(line, "\n");

	*ret_line = line;
	*text = line + n;
	return n;
}
