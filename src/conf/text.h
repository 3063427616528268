/* SPDX-License-Identifier: ISC */
/*
 * Reads a file in the syntax of weir.conf into a tree of settings with their lines, without the
 * schema. For code that needs one value of a config, and for files with other keys, like the suites
 * of weirload.
 *
 * The settings of files that the key `include` names follow those of the main file, in groups with
 * the name "@file", which no key can have.
 */
#ifndef WEIR_CONF_TEXT_H
#define WEIR_CONF_TEXT_H

#include "conf/source.h"
#include "conf/tree.h"

struct conf_errors;

struct conf_text {
	struct conf_source source;
	struct tree tree;
};

/**
 * Reads a file, with all that it includes. 0, or a negative errno with at least one error in
 * `errors`. Forks, see parse.h. The caller calls conf_text_fini() in either case.
 */
int conf_text_read(struct conf_text *text, const char *path, struct conf_errors *errors);
void conf_text_fini(struct conf_text *text);

/** Adds an error about a setting, with its file and line. The root has no line. */
__attribute__((format(printf, 5, 6))) void conf_text_error(const struct conf_text *text,
	struct conf_errors *errors, const struct setting *setting, const char *key,
	const char *format, ...);

#endif
