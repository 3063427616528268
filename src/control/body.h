/* SPDX-License-Identifier: ISC */
/* The body of a request: a JSON object, or nothing, which is an empty one. Pure. */
#ifndef WEIR_CONTROL_BODY_H
#define WEIR_CONTROL_BODY_H

#include <jansson.h>
#include <stddef.h>

enum { BODY_WHY_MAX = 320 };

/**
 * An object with none but these members, the last of which is NULL. NULL: it is not, and `why` says
 * what it is and what to do; or, with an empty one, there is no memory.
 */
json_t *body_read(const char *bytes, size_t n, const char *const *members, char why[BODY_WHY_MAX]);

#endif
