/* SPDX-License-Identifier: ISC */
/*
 * The text of a config: the main file with all that it includes, as one text, and the origin of
 * each line.
 *
 * Included files are inserted before anything is parsed. A file that is included in two places is
 * read and inserted twice. The rules are libconfig's: "@include" with a path in quotes at the start
 * of a line, at most 10 levels deep. A relative path starts from the folder of the main file.
 * Included files must be regular files; the main file may be a pipe.
 *
 * Files that the key `include` of the main file names are not part of its text. Each is parsed by
 * itself, so that an open bracket in it affects no other file: if it is refused, the others are
 * handled all the same, and one run finds their errors too. Such a file must not have that key.
 * These files follow the main text as parts of their own.
 */
#ifndef WEIR_CONF_SOURCE_H
#define WEIR_CONF_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct conf_errors;

enum {
	CONF_DEPTH_MAX = 10,              /**< includes within includes, as in libconfig */
	CONF_INCLUDES_MAX = 1000,         /**< includes in all, without the main file */
	CONF_BYTES_MAX = 4 * 1024 * 1024, /**< of all files together */
	CONF_PATTERNS_MAX = 100,          /**< patterns of the key `include` */
};

/** A text that is parsed by itself; a NUL follows it. */
struct conf_part {
	size_t begin; /**< in conf_source::text */
	size_t len;
	unsigned line; /**< its first line in the whole text */
	bool is_bad;   /**< an error was reported when it was read, so it is not parsed */
};

/** A run of lines of one file. */
struct conf_segment {
	unsigned line;      /**< the first line of the run in the whole text */
	const char *file;   /**< in conf_source::files */
	unsigned file_line; /**< the same line in its file */
};

struct conf_source {
	char *text; /**< ends with a line feed and a NUL; has other NULs only between parts */
	size_t len;
	size_t room;
	unsigned line;                 /**< the line at `len` */
	struct conf_segment *segments; /**< n_segments of them, sorted by line */
	size_t n_segments;
	/** The n_more parts after the main one. Their `len` is not set; conf_source_part() returns
	 * parts with it. */
	struct conf_part *more;
	size_t n_more;
	/** Some file of the key `include` was refused, which was reported. */
	bool lacks_part;
	char **files; /**< n_files of them; the first is the main file */
	size_t n_files;
};

/**
 * Reads `path` and all its includes. 0, or a negative errno with at least one error in `errors`:
 * every wrong include is reported. What is wrong with a file of the key `include` is reported too,
 * but only sets `lacks_part`: the function returns 0. The caller calls conf_source_fini() in either
 * case.
 */
int conf_source_read(struct conf_source *source, const char *path, struct conf_errors *errors);
void conf_source_fini(struct conf_source *source);

/** Makes a source that has only the name of the file, so that errors have no line. 0 or -ENOMEM.
 * The caller calls conf_source_fini() in either case. */
int conf_source_name(struct conf_source *source, const char *path);

/** The file and the line from which a line of the whole text came. */
void conf_source_place(const struct conf_source *source, unsigned line, const char **ret_file,
	unsigned *ret_file_line);

/** Part `i` of n_more + 1 parts; part 0 is the main text. */
struct conf_part conf_source_part(const struct conf_source *source, size_t i);

/** The length of the main file's folder, with its slash, which goes before a path that the config
 * names; 0 if that path is absolute. */
size_t conf_source_folder_len(const struct conf_source *source, const char *path);

/** A path that the config names, from the folder of the main file; malloc'd. NULL: no memory. */
char *conf_source_path(const struct conf_source *source, const char *path);

/** For the code that reads: begins another part. 0 or -ENOMEM. */
int conf_source_begin_part(struct conf_source *source);

/** For include.c: appends text. 0 or -ENOMEM. */
int conf_source_append(struct conf_source *source, const char *text, size_t len);

/** Notes that the text from the current line on is that of `file` from `file_line` on. 0 or
 * -ENOMEM. */
int conf_source_begin_segment(struct conf_source *source, const char *file, unsigned file_line);

/** Keeps a path for as long as the source lives. Takes `path`, which may be NULL. NULL: no
 * memory. */
const char *conf_source_keep_path(struct conf_source *source, char *path);

#endif
