/* SPDX-License-Identifier: ISC */
#include "base/text.h"

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
