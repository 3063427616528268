/* SPDX-License-Identifier: ISC */
/* Asks the weir that runs, and waits: for commands, which have nothing else to do. */
#ifndef WEIR_CTL_ASK_H
#define WEIR_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

enum { ASK_ANSWER_MAX = 64 * 1024 * 1024 /**< a longer one is refused */ };

/** Where to ask, and in whose name to complain. */
struct ask {
	struct addr addr;
	struct addr
		before;    /**< where a config that was edited may have had it; sa_len 0: nowhere */
	const char *conf;  /**< it says where, by control.listen; borrowed. NULL: none does */
	char *conf_errors; /**< of a config that does not say it; NULL: none */
	const char *program; /**< "weir", "weirctl" */
	FILE *err;
};

struct ask_question {
	const char *method;
	const char *target;
	const char *body;    /**< JSON; NULL: none */
	unsigned int wait_s; /**< for the whole answer; 0: without an end */
};

/**
 * At a path; NULL: `control` in the first folder of $RUNTIME_DIRECTORY, or /run/weir/control. 0, or
 * a negative errno that was told.
 */
int ask_open(struct ask *ask, const char *program, const char *path, FILE *err);

/**
 * Where the weir with this config is asked: at its control.listen; where that is not written, as
 * ask_open() has it, but for NAME.conf beside the default config, whose service weir@NAME has
 * /run/weir-NAME. Blocks, and forks. ask_close() then.
 */
int ask_open_conf(struct ask *ask, const char *program, const char *conf, FILE *err);
void ask_close(struct ask *ask);

/**
 * Asks. The status of the answer, and its JSON in *ret_json, which the caller has to give back; or
 * a negative errno, and what stands in the way of asking, with the remedy, was told to `err`.
 */
int ask_weir(const struct ask *ask, const struct ask_question *question, json_t **ret_json);

/**
 * The same; an answer of 200 is handed on as it comes, until piece() says false: then, and at its
 * end, 200, and *ret_json is NULL.
 */
int ask_stream(const struct ask *ask, const struct ask_question *question,
	bool (*piece)(void *owner, const char *bytes, size_t n), void *owner, json_t **ret_json);

/** Tells the error that an answer has: each of its "errors", or its "error". */
void ask_tell(const struct ask *ask, int status, const json_t *json);

/** "POST /v1/reload". */
extern const struct ask_question ask_reload_question;

/** Asks that: 0, or a negative errno: what is wrong was told, as by --check. */
int ask_reload(const struct ask *ask);

#endif
