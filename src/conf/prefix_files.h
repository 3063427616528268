/* SPDX-License-Identifier: ISC */
/*
 * The files that are named in lists of prefixes. Each is read once for a config, however many lists
 * name it. Private to conf.
 *
 * A line is an element of a list: a prefix, "any" or "unix", but not another file. '#' begins a
 * comment. A relative path starts from the folder of the main file, like that of an @include. A
 * process that reads a config from a tape gets the contents of the files from the tape, and opens
 * none.
 */
#ifndef WEIR_CONF_PREFIX_FILES_H
#define WEIR_CONF_PREFIX_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"
#include "conf/reader.h"

struct conf_prefixes;
struct conf_tape;
struct prefix_file;

enum { PREFIX_FILE_BYTES_MAX = 32 * 1024 * 1024 };

struct prefix_files {
	struct prefix_file *first;
	struct table by_path;
	size_t n_prefixes; /**< in all files */
	bool is_taken;     /**< the contents came from a tape: no file is read */
};

/** Frees the contents. Zeroed memory is an empty set of files, and needs no other setup. */
void prefix_files_fini(struct prefix_files *files);

/**
 * The contents of the file `name`, which the setting names. NULL: the file cannot be read, a line
 * of it is wrong, or there are too many prefixes; or reader->no_memory is set. What is wrong with a
 * file is reported the first time that it is asked for, and not again.
 */
const struct conf_prefixes *prefix_files_get(struct conf_reader *reader,
	const struct setting *setting, const char *shown, const char *name);

/** Appends the contents of all files to the tape of the config. 0 or -ENOMEM. */
int prefix_files_write(const struct prefix_files *files, struct conf_tape *tape);

/** Reads what prefix_files_write() has appended; borrows the bytes until prefix_files_fini(). 0,
 * -ENOMEM, or -EBADMSG: invalid. */
int prefix_files_take(struct prefix_files *files, const char *bytes, size_t len);

#endif
