/* SPDX-License-Identifier: ISC */
/* The text of one file, read whole, and what is said where that fails. Private to conf. */
#ifndef WEIR_CONF_FILE_H
#define WEIR_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/**
 * Opens what may be opened without harm: a pipe or a device would block or never end, which only
 * who names the main file (`any_kind`) may want. An fd, or a negative errno: -EISDIR, -EINVAL of
 * what is no regular file.
 */
int conf_file_open(const char *path, bool any_kind, struct stat *ret_st);

/**
 * Reads all that is left. 0 and the text, which ends with a line feed, unless it is empty, and a
 * NUL, and is the caller's; or a negative errno: -EFBIG above `max` bytes.
 */
int conf_file_read(int fd, size_t max, char **ret_text, size_t *ret_len);

/** The line of the first NUL in a text; 0 where there is none. */
unsigned conf_file_find_nul(const char *text, size_t len);

/** Whether a text begins with a byte order mark. */
bool conf_file_has_mark(const char *text);

/** What a file is that cannot be opened or read, and what to do about it. */
const char *conf_file_reason(int err);
const char *conf_file_remedy(int err);

#endif
