/* SPDX-License-Identifier: ISC */
#include "load/markup.h"

#include "base/character.h"

/** How a character is written that has a meaning in XML and HTML, or is a tab or a line feed; NULL:
 * as itself. */
static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	default:
		return NULL;
	}
}

void markup_text(FILE *out, const char *text)
{
	while (*text != '\0') {
		const char *written = entity(*text);

		if (written != NULL) {
			fputs(written, out);
			text++;
		} else {
			text += character_put(out, text);
		}
	}
}
