/* SPDX-License-Identifier: ISC */
/*
 * Writes a file so that it is either complete or absent: into a new file beside the target, which
 * is then renamed. If the target is not a regular file (a pipe, /dev/null), it is written directly.
 * If it is a symbolic link, this applies to the file that it points to; a link to no file is itself
 * replaced.
 */
#ifndef WEIR_BASE_WHOLE_FILE_H
#define WEIR_BASE_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct whole_file {
	FILE *out;
	char *path;   /**< heap: the target */
	char *beside; /**< heap: the new file beside it; NULL: the target is written directly */
};

/** 0 or a negative errno. Only after 0 must the file be closed or abandoned. */
int whole_file_open(struct whole_file *file, const char *path);

/**
 * Writes what is left, renames the new file to the target, and frees. 0, or a negative errno if any
 * write or the renaming failed; then the target is as before, unless it was written directly.
 */
int whole_file_close(struct whole_file *file);

/**
 * Leaves the target as it was. A target that is not a regular file keeps what was written to it.
 */
void whole_file_abandon(struct whole_file *file);

/** Whether a file could be written there; leaves none behind. 0 or a negative errno. */
int whole_file_try(const char *path);

/** Whether a file written at one of these paths would replace the file at the other. False for a
 * target that is written directly. */
bool whole_file_is_same(const char *a, const char *b);

#endif
