/* SPDX-License-Identifier: ISC */
/* Parses the body of a request: a JSON object, or nothing, which is an empty object. No I/O. */
#ifndef WEIR_CONTROL_BODY_H
#define WEIR_CONTROL_BODY_H

#include <jansson.h>
#include <stddef.h>

enum { BODY_WHY_MAX = 320 };

/**
 * Returns a reference to the object, which must have no members but these (a list that ends with
 * NULL). NULL: the body is something else, and `why` says what is wrong and what to do; or, if
 * `why` is empty, there is no memory.
 */
json_t *body_read(const char *bytes, size_t n, const char *const *members, char why[BODY_WHY_MAX]);

#endif
