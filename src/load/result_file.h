/* SPDX-License-Identifier: ISC */
/* What `weirload --json` wrote into a file: the report of one run, or that of a suite. */
#ifndef WEIR_LOAD_RESULT_FILE_H
#define WEIR_LOAD_RESULT_FILE_H

#include <stddef.h>

#include "load/result.h"

/** A scenario through a proxy. */
struct result_row {
	const char *name; /**< of the scenario */
	const char *proxy;
	struct result *result; /**< NULL: a row of a suite that has none */
};

/** Texts live as long as it. */
struct result_file {
	struct json_t *json;
	const char *suite; /**< the path of the suite; NULL: one run, and its row has no names */
	struct result_row *rows; /**< heap; no two of a suite have both names in common */
	size_t n_rows;
};

/** As result_read() of a file; "-" is standard input. ret_why does not name the file. */
int result_file_load(struct result_file *ret, const char *path, char *ret_why);

/** The row of a suite; NULL: it has none of these names. */
const struct result_row *result_file_find(
	const struct result_file *file, const char *name, const char *proxy);

/** One of {0} is fine. */
void result_file_fini(struct result_file *file);

#endif
