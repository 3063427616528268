/* SPDX-License-Identifier: ISC */
/*
 * The settings of a config, serialised: from the process in which libconfig has parsed the text
 * (parse.c) to the process that makes the model. Private to conf.
 *
 * A setting is a record, its name, and then its text or the settings that it contains, in the
 * sequence of the text. The bytes are never sent to another machine or program, so numbers have the
 * byte order of the processor. They are checked all the same, because the writer may have died
 * anywhere.
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
 * Writes one setting; `n` is the length of its text, or the number of settings that it contains,
 * which must be written next. Does not report failures to write: the caller asks `out` for them.
 */
void tape_write(FILE *out, const struct setting *setting, size_t n);

/**
 * Makes `tree`, which needs no setup, of the settings on the tape. *ret_len is their length in
 * bytes; the prefixes of files follow (prefix_files.h). 0; -ENOMEM; -EBADMSG: the tape is not
 * whole. The caller calls tree_fini() in any case.
 */
int tape_read(const char *bytes, size_t len, struct tree *tree, size_t *ret_len);

#endif
