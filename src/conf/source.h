/* SPDX-License-Identifier: ISC */
/*
 * The text of a config: the main file with all that it includes, in one piece, and where each line
 * of it came from.
 *
 * The included files are put in before anything is parsed, and read once.
 * The rules are libconfig's:
 * "@include" with a path in quotes at the start of a line, at most 10 levels deep. A relative path
 * is taken from the folder of the main file. Included files must be regular files; the main file
 * may be a pipe.
 *
 * Files that the key `include` of the main file names are no part of its text: each is parsed by
 * itself, so that nothing in it can reach out of it, and holds no such key. They follow the main
 * text, as parts of their own.
 */
#ifndef WEIR_CONF_SOURCE_H
#define WEIR_CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct conf_errors;

enum {
	CONF_DEPTH_MAX = 10,              /**< includes within includes, as in libconfig */
	CONF_INCLUDES_MAX = 1000,         /**< in all */
	CONF_BYTES_MAX = 4 * 1024 * 1024, /**< of all files together */
	CONF_PATTERNS_MAX = 100,          /**< of the key `include` */
};

/** What is parsed by itself: a text with a NUL behind it. */
struct conf_part {
	size_t begin; /**< in conf_source::text */
	size_t len;
	unsigned line; /**< its first, of the whole text */
};

/** A run of lines of one file. */
struct conf_segment {
	unsigned line;      /**< of the whole text: where the run begins */
	const char *file;   /**< in conf_source::files */
	unsigned file_line; /**< the same line in its file */
};

struct conf_source {
	char *text; /**< ends with a line feed and a NUL; holds no NUL but between parts */
	size_t len;
	size_t room;
	unsigned line;                 /**< the one that `len` is in */
	struct conf_segment *segments; /**< n_segments, in the order of lines */
	size_t n_segments;
	struct conf_part *more; /**< n_more: the parts behind the main one; `len` is set by
				    conf_source_part() */
	size_t n_more;
	char **files; /**< n_files; the first is the main file */
	size_t n_files;
};

/**
 * Reads `path` and all its includes. 0, or a negative errno with at least one error in `errors`:
 * every wrong include is reported. The caller calls conf_source_fini() in either case.
 */
int conf_source_read(struct conf_source *source, const char *path, struct conf_errors *errors);
void conf_source_fini(struct conf_source *source);

/** A source that has a name only: places in it have no line. 0 or -ENOMEM; then fini, too. */
int conf_source_name(struct conf_source *source, const char *path);

/** Where a line of the whole text came from. */
void conf_source_place(const struct conf_source *source, unsigned line, const char **ret_file,
	unsigned *ret_file_line);

/** The part i, of n_more + 1, of which the first is the main text. */
struct conf_part conf_source_part(const struct conf_source *source, size_t i);

/** For the reading: what is appended from now on is another part. -ENOMEM without room. */
int conf_source_begin_part(struct conf_source *source);

/** For the reading, in include.c: appends text; -ENOMEM without room. */
int conf_source_append(struct conf_source *source, const char *text, size_t len);

/** From the current line on, the whole text is `file` from its `file_line` on. -ENOMEM without
 * room. */
int conf_source_begin_segment(struct conf_source *source, const char *file, unsigned file_line);

/** Keeps a path for as long as the source lives; takes it, NULL too. NULL without memory. */
const char *conf_source_keep_path(struct conf_source *source, char *path);

#endif
