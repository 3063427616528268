/* SPDX-License-Identifier: ISC */
/*
 * Reads the main file and inserts each file that it includes (conf_source_read()).
 *
 * A file that cannot be read is reported at the line that includes it, and reading goes on, so that
 * one run finds all missing files. Each file that is being read is a frame on the stack, at most
 * CONF_DEPTH_MAX of them. A file includes itself if an open frame has its device and inode.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/errors.h"
#include "conf/file.h"
#include "conf/include.h"
#include "conf/scan.h"
#include "conf/source.h"

static int add_file(struct reading *reading, struct frame *frame, int fd);

int include_no_memory(struct reading *reading, const char *file)
{
	return conf_errors_result(reading->errors, file, -ENOMEM);
}

/* Why a file cannot be opened or read. */
static const char *reason(int err)
{
	return err == -EFBIG ? "All files together hold more than 4 MiB" : conf_file_reason(err);
}

/* The remedy. The main file may be the default, which was not named. */
static const char *remedy(const struct reading *reading, const struct frame *frame, int err)
{
	if (err == -EFBIG) {
		return "leave out what no listener needs";
	}
	if (frame->parent == NULL && (err == -ENOENT || err == -ENOTDIR)) {
		return reading->errors->remedy != NULL ? reading->errors->remedy
						       : "create it, or name another one with -c";
	}
	return conf_file_remedy(err);
}

int include_unreadable(struct reading *reading, const struct frame *frame, unsigned line, int err)
{
	reading->failed = true;
	if (frame->parent == NULL) {
		conf_errors_add(reading->errors, frame->file, 0, NULL, "cannot be read: %s; %s",
			reason(err), remedy(reading, frame, err));
	} else {
		conf_errors_add(reading->errors, frame->parent->file, line, frame->key,
			"\"%s\" cannot be read: %s; %s", frame->file, reason(err),
			remedy(reading, frame, err));
	}
	return err;
}

/* Reads all of `fd` into frame->text. A missing line feed at its end is added, so that the line
 * after the include is not joined to it. */
static int read_whole(struct reading *reading, struct frame *frame, int fd)
{
	size_t left = reading->n_bytes < CONF_BYTES_MAX ? CONF_BYTES_MAX - reading->n_bytes : 0;
	int r = conf_file_read(fd, left, &frame->text, &frame->len);

	reading->n_bytes += r < 0 ? 0 : frame->len;
	return r;
}

static int open_file(struct frame *frame)
{
	struct stat st;
	int fd = conf_file_open(frame->file, frame->parent == NULL, &st);

	if (fd >= 0) {
		frame->dev = st.st_dev;
		frame->ino = st.st_ino;
	}
	return fd;
}

/* The path of an include: unescaped, and relative to the folder of the main file. NULL: no
 * memory. */
static char *include_path(const struct conf_source *source, const struct token *token)
{
	const char *quote = memchr(token->text, '"', token->len);
	const char *end = token->text + token->len - 1;
	size_t folder_len = conf_source_folder_len(source, quote + 1);
	char *path = malloc(folder_len + token->len);
	char *to = path;

	if (path == NULL) {
		return NULL;
	}
	memcpy(to, source->files[0], folder_len);
	to += folder_len;
	for (const char *from = quote + 1; from < end; from++) {
		if (*from == '\\' && (from[1] == '\\' || from[1] == '"')) {
			from++;
		}
		*to++ = *from;
	}
	*to = '\0';
	return path;
}

/* Why this include must not even be opened; NULL: it may be. */
static const char *refuse_include(
	const struct reading *reading, const struct frame *frame, const struct token *token)
{
	const char *quote = memchr(token->text, '"', token->len);

	if (quote + 2 == token->text + token->len) { /* nothing is between the quotes */
		return "the path is empty; write the path of a file between the quotes";
	}
	if (frame->depth > CONF_DEPTH_MAX) {
		return "is the eleventh level of includes; include it from a file above";
	}
	if (reading->source->n_files > CONF_INCLUDES_MAX) {
		return "is one more than the 1000 includes that a config may have; join some files";
	}
	return NULL;
}

static const struct frame *find_open(const struct frame *frame)
{
	for (const struct frame *f = frame->parent; f != NULL; f = f->parent) {
		if (f->dev == frame->dev && f->ino == frame->ino) {
			return f;
		}
	}
	return NULL;
}

int include_file(struct reading *reading, struct frame *frame, unsigned line)
{
	const struct frame *parent = frame->parent;
	int fd = open_file(frame);
	int r;

	if (fd < 0) {
		(void)include_unreadable(reading, frame, line, fd);
		return 0;
	}
	if (find_open(frame) != NULL) {
		conf_errors_add(reading->errors, parent->file, line, frame->key,
			"\"%s\" includes itself; %s", frame->file,
			frame->is_found ? "write a pattern that it does not fit"
					: "take this line out");
		reading->failed = true;
		(void)close(fd);
		return 0;
	}
	r = add_file(reading, frame, fd);
	if (r < 0 && r != -ENOMEM) {
		(void)include_unreadable(reading, frame, line, r);
		return 0;
	}
	return r;
}

/* Inserts one @include. 0 or -ENOMEM; other errors are reported, and reading goes on. */
static int add_include(struct reading *reading, struct frame *parent, const struct token *token)
{
	struct frame frame = {.parent = parent, .key = "@include", .depth = parent->depth + 1};
	const char *why = refuse_include(reading, &frame, token);

	if (why != NULL) {
		conf_errors_add(reading->errors, parent->file, token->line, "@include", "%s", why);
		reading->failed = true;
		return 0;
	}
	frame.file = conf_source_keep_path(reading->source, include_path(reading->source, token));
	if (frame.file == NULL) {
		return include_no_memory(reading, parent->file);
	}
	return include_file(reading, &frame, token->line);
}

/* The line in which a token ends. */
static unsigned last_line(const struct token *token)
{
	unsigned line = token->line;

	for (size_t i = 0; i < token->len; i++) {
		line += token->text[i] == '\n';
	}
	return line;
}

/* Reports a string without its closing quote. Such a string ends at the opening quote of the next
 * one, and so on, so the one that is left open is the last string of the file. `before` is the last
 * string before it that has several lines. */
static void report_open_string(struct reading *reading, const struct frame *frame,
	const struct token *token, const struct token *before)
{
	static const char what[] = "the string that begins here has no end; write a '\"' after it";

	if (before->kind == TOKEN_STRING && last_line(before) == token->line) {
		conf_errors_add(reading->errors, frame->file, token->line, NULL,
			"%s, or after the one of line %u, which ends in this line", what,
			before->line);
	} else {
		conf_errors_add(reading->errors, frame->file, token->line, NULL, "%s", what);
	}
	reading->failed = true;
}

/* Whether a string has an escape for NUL, at which libconfig ends it. */
static bool has_nul(const struct token *string)
{
	for (size_t i = 0; i + 3 < string->len; i++) {
		const char *pos = string->text + i;

		if (*pos == '\\' && (pos[1] == 'x' || pos[1] == 'X') && pos[2] == '0' &&
			pos[3] == '0') {
			return true;
		}
		i += *pos == '\\';
	}
	return false;
}

/* Reports a string that holds a NUL. `name` is the last name before the string: that of its option,
 * or of the list that the string is in. */
static void report_nul(struct reading *reading, const struct frame *frame,
	const struct token *string, const struct token *name)
{
	char key[64]; /* longer than any option */

	(void)snprintf(key, sizeof(key), "%.*s",
		(int)(name->len < sizeof(key) ? name->len : sizeof(key)), name->text);
	conf_errors_add(reading->errors, frame->file, string->line, name->len == 0 ? NULL : key,
		"a string cannot hold a NUL; take the \"\\x00\" out");
	reading->failed = true;
}

/* Reports a token that no parser accepts; it is left in the text. */
static void check_token(
	struct reading *reading, const struct frame *frame, const struct token *token)
{
	const char *what;

	switch (token->kind) {
	case TOKEN_BAD_INCLUDE:
		what = "@include: is not written as it must be; begin the line with "
		       "@include \"FILE\"";
		break;
	case TOKEN_OPEN_COMMENT:
		what = "the comment that begins here has no end; write \"*/\" after it";
		break;
	default:
		return;
	}
	conf_errors_add(reading->errors, frame->file, token->line, NULL, "%s", what);
	reading->failed = true;
}

/* Appends the text of a file, with its includes in their places. */
static int expand(struct reading *reading, struct frame *frame)
{
	struct conf_source *source = reading->source;
	const char *copied = frame->text;
	struct token string = {.kind = TOKEN_END}; /* the last string of several lines */
	struct token name = {.text = ""};          /* the last name */
	struct scanner scanner;
	struct token token;
	int r = conf_source_begin_segment(source, frame->file, 1);

	scanner_init(&scanner, frame->text, frame->len);
	do {
		if (r < 0) {
			return include_no_memory(reading, frame->file);
		}
		token = scanner_next(&scanner);
		if (token.kind == TOKEN_STRING && last_line(&token) > token.line) {
			string = token;
		} else if (token.kind == TOKEN_NAME) {
			name = token;
		} else if (token.kind == TOKEN_OPEN_STRING) {
			report_open_string(reading, frame, &token, &string);
		} else {
			check_token(reading, frame, &token);
		}
		if (token.kind == TOKEN_STRING && has_nul(&token)) {
			report_nul(reading, frame, &token, &name);
		}
		if (token.kind != TOKEN_INCLUDE) {
			continue;
		}
		/* Only blanks precede an @include in its line. With the line feed they make a line
		 * of their own, so that the included text begins a new line. */
		r = conf_source_append(source, copied, (size_t)(token.text - copied));
		if (r == 0) {
			r = conf_source_append(source, "\n", 1);
		}
		if (r < 0) {
			continue;
		}
		r = add_include(reading, frame, &token);
		if (r < 0) {
			return r;
		}
		copied = token.text + token.len;
		r = conf_source_begin_segment(source, frame->file, token.line);
	} while (token.kind != TOKEN_END);
	r = conf_source_append(source, copied, (size_t)(frame->text + frame->len - copied));
	return r < 0 ? include_no_memory(reading, frame->file) : 0;
}

/* Reads an open file and appends it; takes the fd. Reports -ENOMEM, but no other errors. */
static int add_file(struct reading *reading, struct frame *frame, int fd)
{
	unsigned line;
	int r;

	r = read_whole(reading, frame, fd);
	(void)close(fd);
	if (r == -ENOMEM) {
		r = include_no_memory(reading, frame->file);
	}
	if (r < 0) {
		goto out;
	}
	line = conf_file_find_nul(frame->text, frame->len);
	if (line > 0) {
		conf_errors_add(reading->errors, frame->file, line, NULL,
			"holds a NUL byte; write the config as plain text");
		reading->failed = true;
		goto out;
	}
	if (conf_file_has_mark(frame->text)) {
		conf_errors_add(reading->errors, frame->file, 1, NULL,
			"the file begins with a byte order mark; save it as UTF-8 without it");
		reading->failed = true;
		goto out;
	}
	r = expand(reading, frame);
out:
	free(frame->text);
	frame->text = NULL;
	return r;
}

int conf_source_read(struct conf_source *source, const char *path, struct conf_errors *errors)
{
	struct reading reading = {.source = source, .errors = errors};
	struct frame frame = {0};
	int fd;
	int r;

	*source = (struct conf_source){.line = 1};
	frame.file = conf_source_keep_path(source, strdup(path));
	if (frame.file == NULL) {
		return include_no_memory(&reading, path);
	}
	fd = open_file(&frame);
	if (fd < 0) {
		return include_unreadable(&reading, &frame, 0, fd);
	}
	r = add_file(&reading, &frame, fd);
	if (r < 0) {
		return r == -ENOMEM ? r : include_unreadable(&reading, &frame, 0, r);
	}
	if (reading.failed) {
		return -EINVAL;
	}
	r = include_files(&reading, &frame);
	source->lacks_part = reading.failed;
	return r;
}
