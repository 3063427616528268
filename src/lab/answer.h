/* SPDX-License-Identifier: ISC */
/*
 * What a request of the API gets: a status, and JSON; or an error, as toxiproxy writes it.
 */
#ifndef WEIR_LAB_ANSWER_H
#define WEIR_LAB_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

enum { ANSWER_ERROR_MAX = 1024 };

struct answer {
	unsigned int status;
	bool is_connections;          /**< 200, and what connections.h answers */
	json_t *json;                 /**< the answer's own; NULL: an error, or an empty body */
	char error[ANSWER_ERROR_MAX]; /**< "": none */
};

/** An error, in place of what the answer was. -EINVAL, for the caller to return. */
__attribute__((format(printf, 3, 4))) int answer_refuse(
	struct answer *answer, unsigned int status, const char *format, ...);

/** Takes the JSON; NULL, for want of memory, is an error. */
void answer_give(struct answer *answer, unsigned int status, json_t *json);

/**
 * Puts a value into an object, by its name, or at the end of an array (name: NULL), which it
 * returns. NULL, and nothing is left of either, where one of them is NULL or memory is short: so
 * an answer is whole or it is none.
 */
json_t *answer_put(json_t *all, const char *name, json_t *value);

#endif
