/* SPDX-License-Identifier: ISC */
/*
 * The list of what is wrong with a config file.
 *
 * Each error is one line, "FILE:LINE: KEY: what is wrong; what to write instead" (KEY is left out where there is none), kept in
 * the order of file and line. Texts from the file are shown escaped and cut (40 characters), so that an error line is one
 * line, whatever the file holds. At most CONF_ERRORS_MAX are kept; the last line then says how many more
 * there were.
 */
#ifndef WEIR_CONF_ERRORS_H
#define WEIR_CONF_ERRORS_H

#include <stddef.h>
#include <stdio.h>

enum { CONF_ERRORS_MAX = 1000 };

struct conf_error;

struct conf_errors {
	struct conf_error *errors;
	size_t n_errors;
	size_t n_dropped;
};

void conf_errors_init(struct conf_errors *errors);
void conf_errors_fini(struct conf_errors *errors);

/** Adds one; `key` may be NULL. Out of memory is counted as dropped, never lost in silence. */
__attribute__((format(printf, 5, 6))) void conf_errors_add(struct conf_errors *errors,
	const char *file, unsigned line, const char *key, const char *format, ...);

/** All of them, a line each. */
void conf_errors_print(const struct conf_errors *errors, FILE *out);

#endif
