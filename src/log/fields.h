/* SPDX-License-Identifier: ISC */
/*
 * A line of the log, taken apart: " event=close pair=17 client=\"a b\"", as log.c has built it.
 * What is escaped can be told from what is not, so a value has exactly the bytes that were logged;
 * and a number is what is not quoted and reads as one.
 */
#ifndef WEIR_LOG_FIELDS_H
#define WEIR_LOG_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

struct log_field {
	const char *key; /**< in the line, like `value` */
	size_t key_len;
	const char *value; /**< as it stands there, without its quotes */
	size_t value_len;
	bool is_quoted;
};

/** The field that begins at *at, which moves behind it; false at `end`. */
bool log_field_next(const char **at, const char *end, struct log_field *ret_field);

/** Writes the bytes of the value, at most value_len; how many. */
size_t log_field_bytes(const struct log_field *field, char *out);

/** Whether a value reads as a number: digits, perhaps with a sign before and a fraction behind. */
bool log_is_number(const char *value, size_t len);

#endif
