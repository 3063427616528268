/* SPDX-License-Identifier: ISC */
/* What the two ways to include files share: @include (include.c), and the key `include`
 * (include_files.c). Private to them. */
#ifndef WEIR_CONF_INCLUDE_H
#define WEIR_CONF_INCLUDE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conf_errors;
struct conf_source;

/** A file that is being read, and the one that includes it. */
struct frame {
	const struct frame *parent; /**< NULL for the main file */
	const char *file;           /**< its path, in conf_source::files */
	const char *key;            /**< the key that includes it */
	bool is_found;              /**< it matched a pattern, and was not named */
	unsigned depth;
	dev_t dev;
	ino_t ino;
	char *text; /**< the text of this file alone; ends with a line feed and a NUL */
	size_t len;
};

/** What all files of one config share. */
struct reading {
	struct conf_source *source;
	struct conf_errors *errors;
	size_t n_bytes; /**< in all files together */
	bool failed;    /**< an error was reported; reading goes on to find more */
};

/** Reports that there is no memory. Returns -ENOMEM. */
int include_no_memory(struct reading *reading, const char *file);

/** Reports that a file cannot be read, at the `line` of its parent that includes it; for the main
 * file without a line. Returns `err`. */
int include_unreadable(struct reading *reading, const struct frame *frame, unsigned line, int err);

/** Reads a file, which `line` of its parent includes, and appends its text. All errors are
 * reported. -ENOMEM: reading must stop; 0 also after all other errors. */
int include_file(struct reading *reading, struct frame *frame, unsigned line);

/** Reads the files that the key `include` of the main file names, each as a part of its own.
 * Returns and reports like include_file(). */
int include_files(struct reading *reading, const struct frame *main);

#endif
