/* SPDX-License-Identifier: ISC */
/* Reads a file as a text. */
#ifndef WEIR_LAB_TEXT_FILE_H
#define WEIR_LAB_TEXT_FILE_H

#include <stddef.h>

enum { TEXT_FILE_MAX = 16 * 1024 * 1024 };

/** Returns the whole file, terminated by a NUL, which the caller frees. It has a LF where the file
 * has CRLF. NULL with errno set; EFBIG: it is longer than TEXT_FILE_MAX. */
char *text_file_read(const char *path, size_t *ret_n);

#endif
