/* SPDX-License-Identifier: ISC */
/*
 * A file that is there wholly or not at all: written beside its place, and renamed into it. What is
 * no regular file (a pipe, /dev/null) is written as it is; of a link, what it leads to.
 */
#ifndef WEIR_BASE_WHOLE_FILE_H
#define WEIR_BASE_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct whole_file {
	FILE *out;
	char *path;   /**< heap: its place */
	char *beside; /**< heap: where it is written; NULL: in its place */
};

/** 0 or a negative errno; only then is nothing to be closed. */
int whole_file_open(struct whole_file *file, const char *path);

/** Puts it in its place; 0, or a negative errno when there is nothing new there. */
int whole_file_close(struct whole_file *file);

/** Leaves its place as it was; what is no regular file has what was written. */
void whole_file_abandon(struct whole_file *file);

/** Whether there is a place for such a file; leaves none. 0 or a negative errno. */
int whole_file_try(const char *path);

/** Whether one of them would replace the other. */
bool whole_file_is_same(const char *a, const char *b);

#endif
