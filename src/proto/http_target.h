/* SPDX-License-Identifier: ISC */
/*
 * The target of a request: a path, and what is asked of it. The path is split at each '/' first,
 * then each segment is percent-decoded once; so a name may have a '/' as %2F, and no segment can
 * lead elsewhere: one that is empty, "." or "..", or has a NUL, is malformed, however it is
 * written. The query is split at each '&' and at the first '=' of each, then decoded, '+' as a
 * blank. RFC 3986, 2.1 and 3.3. Pure.
 */
#ifndef WEIR_PROTO_HTTP_TARGET_H
#define WEIR_PROTO_HTTP_TARGET_H

#include <stddef.h>

#include "proto/http.h"

enum {
	HTTP_SEGMENTS_MAX = 8,
	HTTP_PARAMETERS_MAX = 32,
};

struct http_parameter {
	const char *name;
	const char *value; /**< "" without one */
};

struct http_target {
	const char *segments[HTTP_SEGMENTS_MAX]; /**< of "/" none */
	size_t n_segments;
	struct http_parameter parameters[HTTP_PARAMETERS_MAX];
	size_t n_parameters;
	/** What the above points into; a parameter without '=' takes a byte more than it has. */
	char text[HTTP_TARGET_MAX + HTTP_PARAMETERS_MAX + 1];
};

/**
 * Reads one; 0, or a negative errno and *ret_why, a constant text for the end of an error line:
 * -EBADMSG, it is malformed, or -ENOENT, its segments are none that anything can have.
 */
int http_target_parse(struct span bytes, struct http_target *ret_target, const char **ret_why);

/** Writes `segment` as it may stand between two '/' or behind a '='. Its length, or -EMSGSIZE. */
int http_target_escape(const char *segment, char *out, size_t size);

#endif
