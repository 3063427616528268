/* SPDX-License-Identifier: ISC */
/* The answer to a request of the API: a status and JSON, or an error in toxiproxy's format. */
#ifndef WEIR_LAB_ANSWER_H
#define WEIR_LAB_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

struct proxy;

enum { ANSWER_ERROR_MAX = 1024 };

struct answer {
	unsigned int status;
	bool is_connections; /**< status 200, and connections.h writes the answer */
	struct proxy *only;  /**< the proxy whose connections are shown; NULL: all proxies */
	json_t *json;        /**< owned by the answer; NULL: an error, or an empty body */
	char error[ANSWER_ERROR_MAX]; /**< "": no error */
};

/** Makes the answer an error, whatever it was before. Returns -EINVAL, for the caller to return. */
__attribute__((format(printf, 3, 4))) int answer_refuse(
	struct answer *answer, unsigned int status, const char *format, ...);

/** Sets the JSON, which is taken; NULL means that memory is short, and becomes an error. */
void answer_give(struct answer *answer, unsigned int status, json_t *json);

/**
 * Adds a value to the object `all` under `name`, or at the end of the array `all` (`name` NULL).
 * Takes both and returns `all`. If one of them is NULL or memory is short, frees both and returns
 * NULL: so an answer is either whole or missing.
 */
json_t *answer_put(json_t *all, const char *name, json_t *value);

#endif
