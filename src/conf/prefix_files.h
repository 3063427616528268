/* SPDX-License-Identifier: ISC */
/*
 * The files that lists of prefixes name: each is read once for a config, whoever names it. Private
 * to conf.
 *
 * A line holds a prefix, or what else may stand in a list but another file; '#' begins a comment.
 * A relative path is taken from the folder of the main file, as that of an @include. Who takes a
 * config from a tape has what the files held from there, and opens none.
 */
#ifndef WEIR_CONF_PREFIX_FILES_H
#define WEIR_CONF_PREFIX_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"
#include "conf/read.h"

struct conf_prefixes;
struct conf_tape;
struct prefix_file;

enum { PREFIX_FILE_BYTES_MAX = 32 * 1024 * 1024 };

struct prefix_files {
	struct prefix_file *first;
	struct table by_path;
	size_t n_prefixes; /**< in all of them */
	bool is_taken;     /**< from a tape: nothing is read */
};

/** Zeroed: none yet. */
void prefix_files_fini(struct prefix_files *files);

/**
 * What a file holds that the setting names. NULL, with an error or reader->no_memory, where it
 * cannot be had; what is wrong in it was told the first time.
 */
const struct conf_prefixes *prefix_files_get(struct conf_reader *reader,
	const struct setting *setting, const char *shown, const char *name);

/** Appends all to the tape of their config. 0 or -ENOMEM. */
int prefix_files_write(const struct prefix_files *files, struct conf_tape *tape);

/** Takes what was appended: borrows the bytes. 0, -ENOMEM, or -EBADMSG. */
int prefix_files_take(struct prefix_files *files, const char *bytes, size_t len);

#endif
