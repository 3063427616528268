/* SPDX-License-Identifier: ISC */
#include "load/say.h"

#include <stdarg.h>

#include "base/character.h"

__attribute__((format(printf, 3, 0))) static void put(
	FILE *out, const char *prefix, const char *format, va_list args)
{
	char line[SAY_LINE_MAX];
	int n = vsnprintf(line, sizeof(line), format, args);

	fputs(prefix, out);
	character_put_all(out, n > 0 ? line : "");
	fputs(n < (int)sizeof(line) ? "\n" : "...\n", out);
}

void say_line(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(out, "", format, args);
	va_end(args);
}

void say_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(stderr, "weirload: ", format, args);
	va_end(args);
}
