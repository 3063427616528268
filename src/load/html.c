/* SPDX-License-Identifier: ISC */
#include "load/html.h"

#include <inttypes.h>
#include <string.h>

#include "base/whole_file.h"
#include "load/html_private.h"
#include "load/markup.h"
#include "load/result.h"

/** "max_late_us" is --max-late. */
static void put_option(FILE *out, const struct result_option *option)
{
	size_t len = strlen(option->name);
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", option->name);
	if (len > 3 && len < sizeof(name) && strcmp(name + len - 3, "_us") == 0) {
		name[len - 3] = '\0';
	}
	for (char *c = strchr(name, '_'); c != NULL; c = strchr(c, '_')) {
		*c = '-';
	}
	fputs("<li>", out);
	markup_text(out, name);
	fputc('=', out);
	markup_text(out, option->text);
	fputs("</li>", out);
}

static void put_facts(const struct html_section *section)
{
	const struct result *result = section->result;
	FILE *out = section->out;

	fputs("<h3>What was tried</h3>\n<dl>\n", out);
	fputs("<dt>began</dt><dd>", out);
	markup_text(out, result->began);
	fputs("</dd>\n<dt>took</dt><dd>", out);
	html_time(out, (int64_t)result->lasted_us);
	fputs("</dd>\n<dt>host</dt><dd>", out);
	markup_text(out, result->host);
	fputs(", ", out);
	markup_text(out, result->kernel);
	fputs(", ", out);
	markup_text(out, result->machine);
	fprintf(out, ", %" PRIu64 " processors</dd>\n<dt>weirload</dt><dd>", result->n_processors);
	markup_text(out, result->version);
	fputs(", libuv ", out);
	markup_text(out, result->libuv);
	fputs("; its own loops were up to ", out);
	html_time(out, (int64_t)result->loop_delay.max);
	fputs(" late</dd>\n<dt>command</dt><dd><code>", out);
	for (size_t i = 0; i < result->n_command; i++) {
		fputs(i == 0 ? "" : " ", out);
		markup_text(out, result->command[i]);
	}
	fputs("</code></dd>\n<dt>options</dt><dd><ul class=\"options\">", out);
	for (size_t i = 0; i < result->n_options; i++) {
		if (*result->options[i].text != '\0') {
			put_option(out, &result->options[i]);
		}
	}
	fputs("</ul></dd>\n</dl>\n", out);
}

static void put_section(const struct html_section *section)
{
	FILE *out = section->out;

	fprintf(out, "<section id=\"r%zu\" aria-labelledby=\"r%zu-title\">\n<h2 id=\"r%zu-title\">",
		section->number, section->number, section->number);
	markup_text(out, section->result->title);
	fputs("</h2>\n", out);
	html_verdict(section);
	put_facts(section);
	html_histogram(section);
	html_closes(section);
	html_summaries(section);
	html_ends(section);
	html_limits(section);
	html_worst(section);
	fputs("</section>\n", out);
}

static void put_page(FILE *out, const char *title, const struct result *const *results, size_t n)
{
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src "
	      "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>",
		out);
	markup_text(out, title);
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", html_style);
	markup_text(out, title);
	fputs("</h1>\n", out);
	if (n > 1) {
		html_overview(out, results, n);
	}
	for (size_t i = 0; i < n; i++) {
		put_section(&(struct html_section){out, results[i], i + 1});
	}
	fputs("</main>\n<footer>Made by weirload. weirload(1) says what the words mean, and how "
	      "exact the times are.</footer>\n</body>\n</html>\n",
		out);
}

int html_write(const char *path, const char *title, const struct result *const *results, size_t n)
{
	struct whole_file file;
	int r = whole_file_open(&file, path);

	if (r < 0) {
		return r;
	}
	put_page(file.out, title, results, n);
	return whole_file_close(&file);
}
