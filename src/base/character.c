/* SPDX-License-Identifier: ISC */
#include "base/character.h"

#include <stdint.h>

/** The character that begins here, and its length; 0: it is no UTF-8. */
static size_t decode(const char *text, uint32_t *ret)
{
	const uint8_t *byte = (const uint8_t *)text;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = byte[0] < 0x80             ? 1
		     : (byte[0] & 0xe0) == 0xc0 ? 2
		     : (byte[0] & 0xf0) == 0xe0 ? 3
		     : (byte[0] & 0xf8) == 0xf0 ? 4
						: 0;
	uint32_t c = len == 1 ? byte[0] : byte[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++) {
		if ((byte[i] & 0xc0) != 0x80) {
			return 0; /* the NUL ends up here, so it is not passed */
		}
		c = c << 6 | (byte[i] & 0x3f);
	}
	if (len == 0 || c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		return 0;
	}
	*ret = c;
	return len;
}

/**
 * Whether the number of the character is written instead of the character, because a reader would
 * not see it or would be misled by it.
 */
static bool is_hidden(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       c == 0x61c || (c & 0xfffe) == 0xfffe;
}

size_t character_put(FILE *out, const char *text)
{
	uint32_t c;
	size_t len = decode(text, &c);

	if (len == 0) {
		fprintf(out, "\\x%02x", (uint8_t)*text);
		return 1;
	}
	if (is_hidden(c)) {
		fprintf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
	} else {
		(void)fwrite(text, 1, len, out);
	}
	return len;
}

void character_put_all(FILE *out, const char *text)
{
	while (*text != '\0') {
		text += character_put(out, text);
	}
}

int character_fit(const char *text, int width, int *ret_len)
{
	int n = 0;

	*ret_len = 0;
	while (n < width && text[*ret_len] != '\0') {
		uint32_t c;
		size_t len = decode(text + *ret_len, &c);

		*ret_len += len == 0 ? 1 : (int)len;
		n++;
	}
	return n;
}

bool character_are_plain(const char *text)
{
	while (*text != '\0') {
		uint32_t c;
		size_t len = decode(text, &c);

		if (len == 0 || is_hidden(c)) {
			return false;
		}
		text += len;
	}
	return true;
}
