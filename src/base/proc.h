/* SPDX-License-Identifier: ISC */
/* Reads files of one line from /proc, /sys and cgroups. */
#ifndef WEIR_BASE_PROC_H
#define WEIR_BASE_PROC_H

#include <stddef.h>
#include <stdint.h>

enum { PROC_LINE_MAX = 256 };

/**
 * Reads the first line of the file, without its newline, cut at PROC_LINE_MAX - 1 bytes. 0, or a
 * negative errno: the file may be hidden, or the kernel may not have it; -ENODATA if it is empty.
 */
int proc_read_line(const char *path, char ret_line[PROC_LINE_MAX]);

/**
 * Reads the numbers at the beginning of the line, at most `n`. Returns how many, or a negative
 * errno as above; the rest of `ret_numbers` is left alone.
 */
int proc_read_numbers(const char *path, uint64_t *ret_numbers, size_t n);

#endif
