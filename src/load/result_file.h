/* SPDX-License-Identifier: ISC */
/* Reads a file that `weirload --json` has written: the report of one run or of a suite. */
#ifndef WEIR_LOAD_RESULT_FILE_H
#define WEIR_LOAD_RESULT_FILE_H

#include <stddef.h>

#include "load/result.h"

/** One scenario through one proxy. */
struct result_row {
	const char *name;      /**< name of the scenario; shorter than SUITE_NAME_MAX */
	const char *proxy;     /**< name of the proxy; likewise */
	struct result *result; /**< NULL: this row of the suite has no result */
};

/** All texts are valid as long as the struct. */
struct result_file {
	struct json_t *json;
	const char *suite;       /**< path of the suite; NULL: one run, whose row has no names */
	struct result_row *rows; /**< malloc'd; in a suite each pair of names is unique */
	size_t n_rows;
};

/** Reads a file like result_read(); "-" is standard input. ret_why does not contain the path. */
int result_file_load(struct result_file *ret, const char *path, char *ret_why);

/** Reads the contents of such a file: `n` bytes at `text`. */
int result_file_read(struct result_file *ret, const char *text, size_t n, char *ret_why);

/** The row of a suite with these names; NULL: there is none. */
const struct result_row *result_file_find(
	const struct result_file *file, const char *name, const char *proxy);

/** Frees it. Also on zeroed memory. */
void result_file_fini(struct result_file *file);

#endif
