/* SPDX-License-Identifier: ISC */
/* Sends a request to a running weir and blocks until the answer: for command-line programs. */
#ifndef WEIR_CTL_ASK_H
#define WEIR_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

enum { ASK_ANSWER_MAX = 64 * 1024 * 1024 /**< a longer answer is refused */ };

/** Where to send requests, and how to report errors. */
struct ask {
	struct addr addr;
	/** For a reload: where weir may still listen if it has not read the edited config yet;
	 * sa_len 0: none. */
	struct addr before;
	const char *conf; /**< the config whose control.listen is `addr`; borrowed. NULL: none */
	/** For a reload: the errors of a config that does not say the address; NULL: none. */
	char *conf_errors;
	const char *program; /**< "weir", "weirctl" */
	FILE *err;
};

struct ask_question {
	const char *method;
	const char *target;
	const char *body;    /**< JSON; NULL: no body */
	unsigned int wait_s; /**< time limit for the whole answer; 0: no limit */
	/** If nobody listens at `addr`, ask at `before`. Only for a reload: the weir there may have
	 * an older config, and a reload makes it read the edited one. */
	bool asks_before;
};

/**
 * Sets the address to a path; NULL: `control` in the first folder of $RUNTIME_DIRECTORY, or else
 * /run/weir/control. 0, or a negative errno, already reported.
 */
int ask_open(struct ask *ask, const char *program, const char *path, FILE *err);

/**
 * Sets the address to that of the weir with this config: its control.listen or, if it has none, the
 * default of ask_open(). If $RUNTIME_DIRECTORY is not set, the default for NAME.conf in the folder
 * of the default config is in /run/weir-NAME, which the service weir@NAME uses. A config that
 * cannot be read, or whose control.listen is wrong, is an error. Blocks, and forks. The caller must
 * call ask_close().
 */
int ask_open_conf(struct ask *ask, const char *program, const char *conf, FILE *err);

/**
 * The same for ask_reload(), but a missing default config is not an error. If the config is wrong,
 * the address is the default, so that the weir there logs the errors of its own check. That is so
 * only if $RUNTIME_DIRECTORY or the folder of the config says which weir has it; otherwise a wrong
 * config is an error here, too.
 */
int ask_open_reload(struct ask *ask, const char *program, const char *conf, FILE *err);
void ask_close(struct ask *ask);

/**
 * Sends a request. Returns the status of the answer, with its JSON in *ret_json, to which the
 * caller has a reference. Or a negative errno: the request could not be sent or answered, and the
 * reason and the remedy were written to `err`.
 */
int ask_weir(const struct ask *ask, const struct ask_question *question, json_t **ret_json);

/**
 * The same, but an answer with status 200 is passed to piece() as it arrives, until its end or
 * until piece() returns false. Then returns 200 with *ret_json NULL.
 */
int ask_stream(const struct ask *ask, const struct ask_question *question,
	bool (*piece)(void *owner, const char *bytes, size_t n), void *owner, json_t **ret_json);

/** Writes "PROGRAM: what: the errno's text; remedy" to `err`. Returns `number`: a negative
 * errno. */
int ask_fail(const struct ask *ask, const char *what, int number, const char *remedy);

/** Writes the errors in an answer to `err`: each of its "errors", or its "error". */
void ask_tell(const struct ask *ask, const json_t *json);

/** The question "POST /v1/reload". */
extern const struct ask_question ask_reload_question;

/** Requests a reload. 0, or a negative errno: the errors were written, as by --check. With
 * `is_logged`, where the reader of `err` also reads weir's log, the errors of a config are only in
 * the log, and `err` says so. Also fails if weir has reloaded although the config of
 * ask_open_reload() is wrong: then weir has another config. */
int ask_reload(const struct ask *ask, bool is_logged);

#endif
