/* SPDX-License-Identifier: ISC */
/* The beginning of a report: the command, as a shell reads it, when and where it ran, every
 * option. */
#include <string.h>

#include "base/character.h"
#include "load/options.h"
#include "load/results.h"

enum { WIDTH = 98, INDENT = 15 };

/** Writes a word that would drive the terminal if it were written as it is, in the form $'...' that
 * bash and zsh read. */
static void print_bytes(const char *word, FILE *out)
{
	fputs("$'", out);
	for (; *word != '\0'; word++) {
		if (*word < ' ' || *word > '~') {
			fprintf(out, "\\x%02x", (uint8_t)*word);
		} else {
			fprintf(out, *word == '\'' || *word == '\\' ? "\\%c" : "%c", *word);
		}
	}
	fputc('\'', out);
}

static void print_word(const char *word, FILE *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_=+.,:/@%";

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		fputs(word, out);
		return;
	}
	if (!character_are_plain(word)) {
		print_bytes(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			fputs("'\\''", out);
		} else {
			fputc(*word, out);
		}
	}
	fputc('\'', out);
}

static void print_options(const struct options *options, FILE *out)
{
	struct option_value value;
	size_t column = INDENT;
	size_t index = 0;

	fprintf(out, "%-*s", INDENT, "options");
	while (options_value(options, &index, &value)) {
		size_t len = strlen(value.name) + 1 + strlen(value.word);

		if (value.word[0] == '\0') {
			continue;
		}
		if (column + len > WIDTH && column > INDENT) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
		}
		fprintf(out, "%s%s=", column > INDENT ? " " : "", value.name);
		character_put_all(out, value.word);
		column += len + 1;
	}
	fputc('\n', out);
}

void report_about(const struct options *options, const struct about *about, FILE *out)
{
	fprintf(out, "%-*s", INDENT, "command");
	for (int i = 0; i < options->argc; i++) {
		fputs(i == 0 ? "" : " ", out);
		print_word(options->argv[i], out);
	}
	fprintf(out, "\n%-*s%s\n", INDENT, "began", about->date);
	fprintf(out, "%-*s%s, %s %s, %s, %u processors\n", INDENT, "host", about->system.nodename,
		about->system.sysname, about->system.release, about->system.machine,
		about->n_processors);
	fprintf(out, "%-*sweirload %s, libuv %s\n", INDENT, "versions", WEIR_VERSION,
		about->library);
	print_options(options, out);
}
