/* SPDX-License-Identifier: ISC */
/*
 * Reads the files that match the patterns of the key `include`: those of a pattern sorted by name,
 * each once. A pattern may match no file; a name without '*', '?' and '[' is that of a file, which
 * must exist.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/errors.h"
#include "conf/include.h"
#include "conf/scan.h"
#include "conf/source.h"

#define WILD "*?["

/* A pattern, as written. */
struct pattern {
	char *text; /* unescaped */
	unsigned line;
	char key[32];
};

struct patterns {
	struct pattern all[CONF_PATTERNS_MAX];
	size_t n;
};

/* ---- in the main text ---- */

static char mark_of(const struct token *token)
{
	return token->kind == TOKEN_MARK ? *token->text : '\0';
}

/* Appends a string, without quotes and unescaped, to `text` (NULL at first), which is taken. NULL:
 * no memory. */
static char *append(char *text, const struct token *token)
{
	size_t len = text == NULL ? 0 : strlen(text);
	char *longer = realloc(text, len + token->len);
	char *to = longer == NULL ? NULL : longer + len;

	if (longer == NULL) {
		free(text);
		return NULL;
	}
	for (const char *from = token->text + 1; from < token->text + token->len - 1; from++) {
		if (*from == '\\' && (from[1] == '\\' || from[1] == '"')) {
			from++;
		}
		*to++ = *from;
	}
	*to = '\0';
	return longer;
}

/* Adds a pattern or, with `joins`, another piece of the last one. */
static int add_pattern(
	struct patterns *patterns, const struct token *token, bool several, bool joins)
{
	struct pattern *pattern = &patterns->all[joins ? patterns->n - 1 : patterns->n];

	if (!joins && patterns->n == CONF_PATTERNS_MAX) {
		return 0; /* the reader reports that there are too many */
	}
	pattern->text = append(pattern->text, token);
	if (pattern->text == NULL) {
		return -ENOMEM;
	}
	if (!joins) {
		pattern->line = token->line;
		(void)snprintf(pattern->key, sizeof(pattern->key),
			several ? "include[%zu]" : "include", patterns->n);
		patterns->n++;
	}
	return 0;
}

/* Collects the strings after `include =`. The parser refuses anything else there. */
static int collect(struct patterns *patterns, struct scanner *scanner)
{
	struct token token = scanner_next(scanner);
	bool several;
	bool joins = false;
	int r = 0;

	if (mark_of(&token) != '=' && mark_of(&token) != ':') {
		return 0;
	}
	token = scanner_next(scanner);
	several = mark_of(&token) == '[';
	if (several) {
		token = scanner_next(scanner);
	}
	while (r == 0 && (token.kind == TOKEN_STRING || (several && mark_of(&token) == ','))) {
		if (token.kind == TOKEN_STRING) {
			r = add_pattern(patterns, &token, several, joins && patterns->n > 0);
		}
		joins = token.kind == TOKEN_STRING;
		token = scanner_next(scanner);
	}
	return r;
}

/* Finds the key at the top level of the main text. */
static int find_patterns(const struct conf_source *source, struct patterns *patterns)
{
	struct scanner scanner;
	struct token token;
	size_t depth = 0;
	int r = 0;

	scanner_init(&scanner, source->text, source->len);
	do {
		char mark;

		token = scanner_next(&scanner);
		mark = mark_of(&token);
		if (mark == '{' || mark == '(' || mark == '[') {
			depth++;
		} else if ((mark == '}' || mark == ')' || mark == ']') && depth > 0) {
			depth--;
		} else if (depth == 0 && token.kind == TOKEN_NAME &&
			   token.len == strlen("include") &&
			   memcmp(token.text, "include", token.len) == 0) {
			r = collect(patterns, &scanner);
		}
	} while (r == 0 && token.kind != TOKEN_END && token.kind != TOKEN_OPEN_COMMENT);
	return r;
}

/* ---- the files ---- */

/* Appends `n` characters; those that are special to glob(3) are escaped. */
static char *escape(char *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr(WILD "\\", from[i]) != NULL) {
			*to++ = '\\';
		}
		*to++ = from[i];
	}
	return to;
}

/* A pattern from the folder of the main file, with that folder escaped. NULL: no memory. */
static char *pattern_path(const struct conf_source *source, const char *text)
{
	size_t folder_len = conf_source_folder_len(source, text);
	char *path = malloc(2 * folder_len + strlen(text) + 1);

	if (path == NULL) {
		return NULL;
	}
	(void)strcpy(escape(path, source->files[0], folder_len), text);
	return path;
}

/* The pattern that is being handled, and how errors of its files are reported. */
struct asker {
	struct reading *reading;
	struct frame at; /* the frame of the main file, but with the file that has the pattern */
	unsigned line;
	const struct pattern *pattern;
};

static void refuse(const struct asker *asker, const char *why)
{
	conf_errors_add(asker->reading->errors, asker->at.file, asker->line, asker->pattern->key,
		"%s", why);
	asker->reading->failed = true;
}

static bool is_there(const struct conf_source *source, const char *path, size_t from)
{
	for (size_t i = from; i < source->n_files; i++) {
		if (strcmp(source->files[i], path) == 0) {
			return true;
		}
	}
	return false;
}

/* Reads one file; takes its path. */
static int add(const struct asker *asker, char *path, bool is_found, size_t first)
{
	struct conf_source *source = asker->reading->source;
	struct frame frame = {
		.parent = &asker->at, .key = asker->pattern->key, .is_found = is_found, .depth = 1};
	bool has_failed = asker->reading->failed;
	int r;

	if (path != NULL && is_there(source, path, first)) {
		free(path);
		return 0;
	}
	if (path != NULL && source->n_files > CONF_INCLUDES_MAX) {
		free(path);
		refuse(asker,
			"is one more than the 1000 includes that a config may have; join some "
			"files");
		return 0;
	}
	frame.file = conf_source_keep_path(source, path);
	if (frame.file == NULL || conf_source_begin_part(source) < 0) {
		return include_no_memory(asker->reading, asker->at.file);
	}
	asker->reading->failed = false;
	r = include_file(asker->reading, &frame, asker->line);
	source->more[source->n_more - 1].is_bad = asker->reading->failed;
	asker->reading->failed |= has_failed;
	return r;
}

/* ---- matching files ---- */

/* The asker whose pattern glob(3) searches for. It is a variable because glob(3) passes no argument
 * to its callbacks. */
static _Thread_local const struct asker *looking;

/* Reports a folder that cannot be read: otherwise it would look as if nothing in it matched. 0:
 * glob(3) goes on. */
static int cannot_look(const char *path, int err)
{
	struct frame frame = {.parent = &looking->at, .key = looking->pattern->key, .file = path};

	if (err != ENOENT && err != ENOTDIR) {
		(void)include_unreadable(looking->reading, &frame, looking->line, -err);
	}
	return 0;
}

static void *open_folder(const char *path)
{
	return opendir(path);
}

static void close_folder(void *folder)
{
	(void)closedir(folder);
}

static struct dirent *read_folder(void *folder)
{
	struct dirent *entry;

	errno = 0;
	entry = readdir(folder);
	if (entry == NULL && errno != 0) {
		(void)cannot_look(looking->pattern->text, errno);
	}
	return entry;
}

/* Like stat(2), but reports files that may not be looked at, which glob(3) silently skips. */
static int look(const char *path, struct stat *ret_stat)
{
	int r = stat(path, ret_stat);

	if (r < 0) {
		(void)cannot_look(path, errno);
	}
	return r;
}

static int look_at_link(const char *path, struct stat *ret_stat)
{
	int r = lstat(path, ret_stat);

	if (r < 0) {
		(void)cannot_look(path, errno);
	}
	return r;
}

/* Reads all files that match. */
static int add_all(const struct asker *asker, size_t first)
{
	char *path = pattern_path(asker->reading->source, asker->pattern->text);
	glob_t found = {
		.gl_opendir = open_folder,
		.gl_closedir = close_folder,
		.gl_readdir = read_folder,
		.gl_stat = look,
		.gl_lstat = look_at_link,
	};
	int r;

	looking = asker;
	r = path == NULL ? GLOB_NOSPACE : glob(path, GLOB_ALTDIRFUNC, cannot_look, &found);
	free(path);
	if (r == GLOB_NOSPACE) {
		r = include_no_memory(asker->reading, asker->at.file);
	} else {
		r = 0;
	}
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		r = add(asker, strdup(found.gl_pathv[i]), true, first);
	}
	globfree(&found);
	return r;
}

static int add_pattern_files(const struct asker *asker, size_t first)
{
	const char *text = asker->pattern->text;

	if (*text == '\0') {
		refuse(asker, "the path is empty; write one like \"conf.d/*.conf\"");
		return 0;
	}
	if (strpbrk(text, WILD) == NULL) {
		return add(asker, conf_source_path(asker->reading->source, text), false, first);
	}
	return add_all(asker, first);
}

int include_files(struct reading *reading, const struct frame *main)
{
	struct conf_source *source = reading->source;
	struct patterns *patterns = calloc(1, sizeof(*patterns));
	size_t first = source->n_files;
	int r = patterns == NULL ? -ENOMEM : find_patterns(source, patterns);

	if (r < 0) {
		r = include_no_memory(reading, main->file);
	}
	for (size_t i = 0; r == 0 && i < patterns->n; i++) {
		struct asker asker = {
			.reading = reading, .at = *main, .pattern = &patterns->all[i]};

		conf_source_place(source, patterns->all[i].line, &asker.at.file, &asker.line);
		r = add_pattern_files(&asker, first);
	}
	for (size_t i = 0; patterns != NULL && i < patterns->n; i++) {
		free(patterns->all[i].text);
	}
	free(patterns);
	return r;
}
