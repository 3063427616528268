/* SPDX-License-Identifier: ISC */
/*
 * A config's settings as one run of bytes: on their way from the process in which libconfig has
 * read the text (parse.c) to the one that makes the model of it. Private to conf.
 *
 * A setting is a record, its name, and then its text or the settings that it holds, in the order of
 * the text. The bytes never leave the machine or the program: numbers are as the processor has
 * them. They are checked all the same, since the writer may have ended anywhere.
 */
#ifndef WEIR_CONF_TAPE_H
#define WEIR_CONF_TAPE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/tree.h"

enum {
	TAPE_DEPTH_MAX = 64, /**< brackets within brackets; the schema has five */
};

/**
 * Writes one setting; `n` is the length of its text, or how many settings it holds, which follow.
 * Whether it could be written is for ferror(3) to tell.
 */
void tape_write(FILE *out, const struct setting *setting, size_t n);

/**
 * Adds what the tape holds to a fresh tree, and says how many of the bytes that is: what stands
 * behind are the prefixes of files (prefix_files.h). 0; -ENOMEM; -EBADMSG when it is no whole tape.
 * The caller calls tree_fini() in any case.
 */
int tape_read(const char *bytes, size_t len, struct tree *tree, size_t *ret_len);

#endif
