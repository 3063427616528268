/* SPDX-License-Identifier: ISC */
/* What the commands of weirctl share: words to a question, an answer to the exit code. */
#ifndef WEIR_CTL_COMMAND_H
#define WEIR_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "ctl/ask.h"
#include "proto/http_target.h"

/** Exit codes of weirctl; weirctl(1) lists them. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1, /**< refused, not ready, or nobody answers */
	COMMAND_USAGE = 2,
};

struct command_opts {
	const struct ask *ask;
	bool json;        /**< the answer as it is */
	bool all;         /**< --all, of kill */
	bool end_pairs;   /**< --end-pairs, of drain */
	const char *wait; /**< --wait, of drain; NULL: none */
	FILE *out;
};

enum { COMMAND_WAIT_S = 30, COMMAND_TARGET_MAX = HTTP_TARGET_MAX };

/** Tells what is wrong with a word, and what to write; COMMAND_USAGE. */
int command_wrong(const struct command_opts *opts, const char *what, const char *remedy);

typedef void command_show(FILE *out, const json_t *json);

/** Shows an answer, which goes, or tells its error; `show` NULL: only that it is done. */
int command_answer(const struct command_opts *opts, int status, json_t *json, command_show *show);

/** Asks, and does that with the answer. */
int command_ask(
	const struct command_opts *opts, const struct ask_question *question, command_show *show);

/** Asks with a body, which is given back; the status, or a negative errno that was told. */
int command_ask_with(const struct command_opts *opts, const char *method, const char *target,
	json_t *body, json_t **ret_json);

bool command_is_id(const char *word);

/** Adds a text to a target as it is, or escaped; whether it fits. */
bool command_add(char target[COMMAND_TARGET_MAX], const char *text, bool escaped);

/** "PATH?NAME=VALUE&..." of filters; COMMAND_OK, or what is wrong was told. */
int command_filters(const struct command_opts *opts, const char *path, int n, char **filters,
	char target[COMMAND_TARGET_MAX]);

/** Of filters that nothing fits: COMMAND_OK, or which name is not known was told. */
int command_check_names(const struct command_opts *opts, int n, char **filters);

/** A command, with the words behind its name: an exit code. */
typedef int command_function(const struct command_opts *opts, int n, char **words);

command_function command_kill, command_server, command_reload, command_log; /* change.c */
command_function command_drain, command_undrain;                            /* drain.c */

#endif
