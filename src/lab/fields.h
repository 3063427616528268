/* SPDX-License-Identifier: ISC */
/*
 * JSON as Go's encoding/json decodes it, which is what toxiproxy's clients are used to: the first
 * value of the text counts and what follows it does not; names match in any case, the last one
 * wins; unknown ones are ignored; null leaves a field as it was; a value of a wrong type is an
 * error in Go's words.
 */
#ifndef WEIR_LAB_FIELDS_H
#define WEIR_LAB_FIELDS_H

#include <jansson.h>
#include <stddef.h>

enum {
	FIELDS_ERROR_MAX = 512,
	FIELDS_NAME_MAX = 1024, /**< two of them, escaped, have room in a path */
};

enum field_kind {
	FIELD_TEXT,   /**< const char *, of the value: as long as that */
	FIELD_BOOL,   /**< bool */
	FIELD_NUMBER, /**< double */
	FIELD_INT,    /**< int64_t */
	FIELD_ANY,    /**< json_t *: borrowed */
};

struct field {
	const char *name; /**< NULL ends a table */
	enum field_kind kind;
	void *to; /**< is left alone where the field is not there */
};

/** Reads the first value of a text. NULL: none; `error` says why ("EOF" of an empty one). */
json_t *fields_parse(const char *text, size_t n, char error[FIELDS_ERROR_MAX]);

/** Reads a text that is one value, and nothing behind it. NULL: `error` says why, and *ret_line in
 * which of its lines, from 1. */
json_t *fields_parse_all(
	const char *text, size_t n, unsigned *ret_line, char error[FIELDS_ERROR_MAX]);

/**
 * Reads the fields of an object, whose type in Go is `type`. null is an object without any. 0, or
 * -EINVAL and `error`.
 */
int fields_read(
	json_t *object, const char *type, const struct field *fields, char error[FIELDS_ERROR_MAX]);

/** Why nobody could ask for what has this name, by a path; NULL: one can. */
const char *fields_wrong_name(const char *name);

/** What Go calls a value: "number", "string". */
const char *fields_kind_text(const json_t *value);

#endif
