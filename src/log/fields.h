/* SPDX-License-Identifier: ISC */
/*
 * Splits a log line, as log.c has built it, into fields: " event=close pair=17 client=\"a b\"".
 * Escapes are unambiguous, so a value has exactly the bytes that were logged. A value is a number
 * if it is not quoted and looks like one.
 */
#ifndef WEIR_LOG_FIELDS_H
#define WEIR_LOG_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

struct log_field {
	const char *key; /**< points into the line, like `value` */
	size_t key_len;
	const char *value; /**< as in the line, without its quotes */
	size_t value_len;
	bool is_quoted;
};

/** Reads the field that begins at *at, and moves *at after it; false at `end`. */
bool log_field_next(const char **at, const char *end, struct log_field *ret_field);

/** Writes the value without escapes, at most value_len bytes. Returns how many. */
size_t log_field_bytes(const struct log_field *field, char *out);

/** Whether a value looks like a number: digits, perhaps after a '-', perhaps with a fraction. */
bool log_is_number(const char *value, size_t len);

#endif
