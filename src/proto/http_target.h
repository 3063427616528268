/* SPDX-License-Identifier: ISC */
/*
 * The target of a request: a path and a query. The path is first split at each '/', then each
 * segment is percent-decoded once, so a name may contain a '/' written as %2F. A segment that is
 * empty, "." or "..", or has a NUL, however written, is an error, so no path can leave its folder.
 * The query is split at each '&' and each part at its first '=', then decoded; '+' is a blank. RFC
 * 3986, 2.1 and 3.3. Pure functions.
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
	const char *value; /**< "" if there is none */
};

struct http_target {
	const char *segments[HTTP_SEGMENTS_MAX]; /**< empty for "/" */
	size_t n_segments;
	struct http_parameter parameters[HTTP_PARAMETERS_MAX];
	size_t n_parameters;
	/** The memory of the texts above. A parameter without '=' takes one byte more than in the
	 * target. */
	char text[HTTP_TARGET_MAX + HTTP_PARAMETERS_MAX + 1];
};

/**
 * Reads a target. 0, or a negative errno and *ret_why, a constant text for the end of an error
 * line. -ENOENT: a segment is empty, "." or "..", or there are more than HTTP_SEGMENTS_MAX;
 * -EBADMSG: it is longer than HTTP_TARGET_MAX, has more than HTTP_PARAMETERS_MAX, or is malformed
 * otherwise.
 */
int http_target_parse(struct span bytes, struct http_target *ret_target, const char **ret_why);

/**
 * Writes `segment` so that it may stand between two '/' or after a '='. Returns its length, or
 * -EMSGSIZE.
 */
int http_target_escape(const char *segment, char *out, size_t size);

#endif
