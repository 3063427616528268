/* SPDX-License-Identifier: ISC */
/* A file as a text. */
#ifndef WEIR_LAB_TEXT_FILE_H
#define WEIR_LAB_TEXT_FILE_H

#include <stddef.h>

enum { TEXT_FILE_MAX = 16 * 1024 * 1024 };

/** All of it, with a NUL behind, for the caller to free. NULL and errno, EFBIG if it is longer than
 * TEXT_FILE_MAX. */
char *text_file_read(const char *path, size_t *ret_n);

#endif
