/* SPDX-License-Identifier: ISC */
/*
 * Reports what is wrong with a setting: its file and line, its key, what was found, and for an
 * unknown key where it belongs or which key was probably meant. Private to conf.
 */
#ifndef WEIR_CONF_REPORT_H
#define WEIR_CONF_REPORT_H

#include <stddef.h>

#include "conf/errors.h"
#include "conf/reader.h"

struct conf_key;

/** Writes the path of a key in the group `parent`, which is "" at the top level. */
void conf_join_name(char path[CONF_PATH_MAX], const char *parent, const char *name);

/** Writes the key of element `i` of a list or an array. */
void conf_join_index(char path[CONF_PATH_MAX], const char *parent, size_t i);

/** Reports an error at the line of `setting`. */
__attribute__((format(printf, 4, 5))) void conf_reader_error(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Reports a warning, about a setting that is valid but probably not meant. Must not be called once
 * an error was reported. */
__attribute__((format(printf, 4, 5))) void conf_reader_warning(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Reports a hint: what the user should know of a setting that is valid and probably meant
 * (conf_errors::hints). */
__attribute__((format(printf, 4, 5))) void conf_reader_hint(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Writes " of FILE:LINE" if `there` is in another file than `here`, else "". Returns `where`. */
const char *conf_where(const struct conf_reader *reader, const struct setting *here,
	const struct setting *there, char where[CONF_WHERE_MAX]);

/** Report a value of the wrong type, and a key that is not in the group `parent` of the schema. */
void conf_report_type(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);
void conf_report_unknown(struct conf_reader *reader, const char *parent,
	const struct setting *setting, const char *shown);

/** Writes what to write for a key: 'write a string with a unit, like idle = "30s"'. Returns
 * `text`. */
const char *conf_expected(const struct conf_key *key, char text[CONF_WHY_MAX]);

/** How many elements a list or an array has; 0, with an error, if it has none or too many. */
size_t conf_count_elements(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);

#endif
