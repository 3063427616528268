/* SPDX-License-Identifier: ISC */
/* Asks the weir that runs, and waits: for commands, which have nothing else to do. */
#ifndef WEIR_CTL_ASK_H
#define WEIR_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

enum { ASK_ANSWER_MAX = 64 * 1024 * 1024 /**< far more than weir ever says */ };

/** Where to ask, and in whose name to complain. */
struct ask {
	struct addr addr;
	const char *program; /**< "weir", "weirctl" */
	FILE *err;
};

struct ask_question {
	const char *method;
	const char *target;
	const char *body;    /**< JSON; NULL: none */
	unsigned int wait_s; /**< for the whole answer */
};

/**
 * The default: `control` in the first folder of $RUNTIME_DIRECTORY, or /run/weir/control. `path`,
 * or NULL. 0, or a negative errno that was told.
 */
int ask_open(struct ask *ask, const char *program, const char *path, FILE *err);

/**
 * Asks. The status of the answer, and its JSON in *ret_json, which the caller has to give back; or
 * a negative errno, and what stands in the way of asking, with the remedy, was told to `err`.
 */
int ask_weir(const struct ask *ask, const struct ask_question *question, json_t **ret_json);

/** Tells the error that an answer has: each of its "errors", or its "error". */
void ask_tell(const struct ask *ask, int status, const json_t *json);

/** "POST /v1/reload". */
extern const struct ask_question ask_reload_question;

/** Asks that: 0, or a negative errno: what is wrong was told, as by --check. */
int ask_reload(const struct ask *ask);

#endif
