/* SPDX-License-Identifier: ISC */
/* Reads the text of one file as a whole, and explains failures. Private to conf. */
#ifndef WEIR_CONF_FILE_H
#define WEIR_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/**
 * Opens a regular file; with `any_kind` also a pipe or a device. These may block or never end, so
 * they are allowed only for the main file. Returns an fd or a negative errno: -EISDIR, or -EINVAL
 * for other files that are not regular.
 */
int conf_file_open(const char *path, bool any_kind, struct stat *ret_st);

/**
 * Reads to the end. 0 and the text, which the caller frees; it ends with a line feed (unless it is
 * empty) and a NUL. Or a negative errno; -EFBIG: more than `max` bytes.
 */
int conf_file_read(int fd, size_t max, char **ret_text, size_t *ret_len);

/** The line of the first NUL in a text; 0: there is none. */
unsigned conf_file_find_nul(const char *text, size_t len);

/** Whether a text begins with a byte order mark. */
bool conf_file_has_mark(const char *text);

/** Why a file cannot be opened or read, and what to do about it. */
const char *conf_file_reason(int err);
const char *conf_file_remedy(int err);

#endif
