/* SPDX-License-Identifier: ISC */
/*
 * The list of what is wrong with a config file; or, where nothing is, of what may not be meant.
 *
 * Each error is one line, "FILE:LINE: KEY: what is wrong; what to write instead". LINE and KEY are
 * left out where there is none. KEY is the path of the key, list elements counted from 0:
 * "timeouts.idle", "listeners[0].timeouts.idle", "upstreams[2].servers[1].address".
 *
 * The lines are kept in the order of file and line: first the main file, then the included ones as
 * they first had an error. Texts from the file are shown escaped and cut (conf_shown()), so that
 * an error is one line, whatever the file holds. At most CONF_ERRORS_MAX are kept; the last line
 * then says how many more there were.
 */
#ifndef WEIR_CONF_ERRORS_H
#define WEIR_CONF_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	CONF_ERRORS_MAX = 1000,
	CONF_SHOWN_CHARS = 40,                                     /**< of a text from the file */
	CONF_SHOWN_MAX = 4 * CONF_SHOWN_CHARS + sizeof("\"\"..."), /**< escaped and quoted */
};

struct conf_error;

struct conf_errors {
	char *main_file;           /* its errors come first; NULL: in the order of adding */
	struct conf_error *errors; /* n_errors of them, in order */
	size_t n_errors;           /**< kept */
	size_t n_dropped;          /**< above CONF_ERRORS_MAX, or for lack of memory */
	/** Of a config without errors: what is right and meant, but good to know. Borrowed; NULL:
	 * nobody asks. */
	struct conf_errors *hints;
	/** What to do when the main file is not there: "create it, or name ...". Borrowed; NULL:
	 * that of a program whose option -c names it. */
	const char *remedy;
};

void conf_errors_init(struct conf_errors *errors);
void conf_errors_fini(struct conf_errors *errors);

/** Names the file whose errors come first; copies it. Without memory for that, the order is lost.
 */
void conf_errors_begin(struct conf_errors *errors, const char *main_file);

/**
 * Adds one; copies all it is given. `line` 0 and `key` NULL are left out of the text. Control
 * characters become '?'. Out of memory is counted as dropped, never lost in silence.
 */
__attribute__((format(printf, 5, 6))) void conf_errors_add(struct conf_errors *errors,
	const char *file, unsigned line, const char *key, const char *format, ...);

/** `r`; where it is -ENOMEM, an error of `file` says so. */
int conf_errors_result(struct conf_errors *errors, const char *file, int r);

/** Whether one of those kept is of a key that begins with `key`. */
bool conf_errors_have(const struct conf_errors *errors, const char *key);

/** All of them, a line each, with `prefix` before it; nothing when there are none. */
void conf_errors_print(const struct conf_errors *errors, const char *prefix, FILE *out);

/**
 * A text from the file as an error shows it: in quotes, at most CONF_SHOWN_CHARS characters, what
 * is not printable ASCII, and '"' and '\', as \xNN. Returns `shown`.
 */
const char *conf_shown(const char *text, char shown[CONF_SHOWN_MAX]);

#endif
