/* SPDX-License-Identifier: ISC */
/*
 * A list of the errors in a config file or, if it has none, of warnings.
 *
 * Each error is one line, "FILE:LINE: KEY: what is wrong; what to write instead". LINE and KEY are
 * left out if there is none. KEY is the path of the key, with the elements of lists counted from 0:
 * "timeouts.idle", "listeners[0].timeouts.idle", "upstreams[2].servers[1].address".
 *
 * The errors are sorted by file and line: first the main file, then the included files in the
 * sequence of their first errors. Texts from the file are shown escaped and shortened
 * (conf_shown()), so that an error is always one line. At most CONF_ERRORS_MAX are stored; if there
 * were more, a last line says how many.
 */
#ifndef WEIR_CONF_ERRORS_H
#define WEIR_CONF_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	CONF_ERRORS_MAX = 1000,
	CONF_PATH_MAX = 256,   /**< path of a key in an error */
	CONF_WHERE_MAX = 320,  /**< place in another file */
	CONF_WHY_MAX = 256,    /**< "what is wrong; what to write instead" */
	CONF_SHOWN_CHARS = 40, /**< bytes shown of a text from the file */
	CONF_SHOWN_MAX = 4 * CONF_SHOWN_CHARS + sizeof("\"\"..."), /**< escaped and quoted */
};

struct conf_error;

struct conf_errors {
	char *main_file;           /* its errors come first; NULL: no file's errors do */
	struct conf_error *errors; /* n_errors of them, sorted */
	size_t n_errors;           /**< errors that are stored */
	size_t n_dropped;          /**< errors above CONF_ERRORS_MAX, or without memory */
	/** Receives hints about a config without errors: what the user should know of settings that
	 * are valid and probably meant. Borrowed; NULL: hints are dropped. */
	struct conf_errors *hints;
	/** The remedy if the main file does not exist: "create it, or name ...". Borrowed; NULL: a
	 * text for programs with the option -c. */
	const char *remedy;
};

void conf_errors_init(struct conf_errors *errors);
void conf_errors_fini(struct conf_errors *errors);

/** Sets the file whose errors come first; copies the name. If there is no memory, they do not come
 * first. */
void conf_errors_begin(struct conf_errors *errors, const char *main_file);

/**
 * Adds an error; copies all arguments. `line` 0 and `key` NULL are left out of the text. If there
 * is no memory, the error is counted in n_dropped.
 */
__attribute__((format(printf, 5, 6))) void conf_errors_add(struct conf_errors *errors,
	const char *file, unsigned line, const char *key, const char *format, ...);

/** Returns `r`; if it is -ENOMEM, first adds an error for `file` that says so. */
int conf_errors_result(struct conf_errors *errors, const char *file, int r);

/**
 * Whether the text of a stored error, "KEY: what is wrong", begins with `key`: "drain" finds the
 * errors of all keys that begin with it, "timeouts.drain: " those of this key alone.
 */
bool conf_errors_have(const struct conf_errors *errors, const char *key);

/** Prints each error on a line of its own, after `prefix`; nothing if there are none. What a
 * terminal would obey or hide is escaped (base/character.h). */
void conf_errors_print(const struct conf_errors *errors, const char *prefix, FILE *out);

/**
 * Formats a text from the file for an error: in quotes, and escaped as base/text.h says. A text
 * that is longer than CONF_SHOWN_CHARS bytes is cut off there, and ends with "...". Returns
 * `shown`.
 */
const char *conf_shown(const char *text, char shown[CONF_SHOWN_MAX]);

/** Writes a text and what is wrong with it. Returns -EINVAL. */
int conf_refuse(char why[CONF_WHY_MAX], const char *text, const char *what);

#endif
