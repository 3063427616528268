/* SPDX-License-Identifier: ISC */
/* What the kernel says in files of one line: in /proc, in /sys, of a cgroup. */
#ifndef WEIR_BASE_PROC_H
#define WEIR_BASE_PROC_H

#include <stddef.h>
#include <stdint.h>

enum { PROC_LINE_MAX = 256 };

/**
 * The first line of the file, without its end, cut at PROC_LINE_MAX - 1 bytes. 0, or a negative
 * errno: the file may be hidden, or the kernel without it; -ENODATA when it is empty.
 */
int proc_read_line(const char *path, char ret_line[PROC_LINE_MAX]);

/**
 * The numbers that the line begins with, up to `n` of them. How many there are, or a negative errno
 * as above; what is beyond them in `numbers` is left alone.
 */
int proc_read_numbers(const char *path, uint64_t *ret_numbers, size_t n);

#endif
