/* SPDX-License-Identifier: ISC */
/*
 * Decodes JSON like Go's encoding/json, because toxiproxy's clients expect that. Only the first
 * value of a text is read. Names match whether in upper or lower case; of two equal names the last
 * counts; unknown names are ignored. null leaves a field unchanged. A value of a wrong type is an
 * error with Go's wording.
 */
#ifndef WEIR_LAB_FIELDS_H
#define WEIR_LAB_FIELDS_H

#include <jansson.h>
#include <stddef.h>

enum {
	FIELDS_ERROR_MAX = 512,
	FIELDS_NAME_MAX = 1024, /**< so that two names, escaped, fit in a path */
};

enum field_kind {
	FIELD_TEXT,   /**< const char *, valid as long as the JSON value */
	FIELD_BOOL,   /**< bool */
	FIELD_NUMBER, /**< double */
	FIELD_INT,    /**< int64_t */
	FIELD_ANY,    /**< json_t *: borrowed */
};

struct field {
	const char *name; /**< NULL: the end of a table */
	enum field_kind kind;
	void *to; /**< unchanged if the field is missing */
};

/** Parses the first value of a text. NULL: there is none, and `error` says why ("EOF" for an empty
 * text). */
json_t *fields_parse(const char *text, size_t n, char error[FIELDS_ERROR_MAX]);

/** Parses a text that must consist of one value. NULL: `error` says why, and *ret_line has the
 * line, from 1. */
json_t *fields_parse_all(
	const char *text, size_t n, unsigned *ret_line, char error[FIELDS_ERROR_MAX]);

/**
 * Reads the fields of an object; `type` is its type in Go, with the package, for errors. null
 * counts as an empty object. 0, or -EINVAL and `error`.
 */
int fields_read(
	json_t *object, const char *type, const struct field *fields, char error[FIELDS_ERROR_MAX]);

/** Why an object with this name could not be addressed by a path; NULL: it can be. An empty name is
 * not reported: callers have other rules for it. */
const char *fields_wrong_name(const char *name);

/** Go's word for the type of a value: "number", "string". */
const char *fields_kind_text(const json_t *value);

#endif
