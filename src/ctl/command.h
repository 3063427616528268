/* SPDX-License-Identifier: ISC */
/* What the commands of weirctl share: how words become a question, and an answer an exit code. */
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
	COMMAND_FAILED = 1, /**< refused, not ready, or no answer */
	COMMAND_USAGE = 2,  /**< weirctl or weir finds that the command is wrong */
};

struct command_opts {
	const struct ask *ask;
	bool json;        /**< print the answer as it is */
	bool all;         /**< --all of kill */
	bool end_pairs;   /**< --end-pairs of drain */
	const char *wait; /**< --wait of drain; NULL: none */
	FILE *out;
};

enum { COMMAND_WAIT_S = 30, COMMAND_TARGET_MAX = HTTP_TARGET_MAX };

/** Reports what is wrong with a word, and what to write instead. Returns COMMAND_USAGE. */
int command_wrong(const struct command_opts *opts, const char *what, const char *remedy);

/** Reports that the output cannot be written, for an errno. Returns COMMAND_FAILED. */
int command_unwritten(const struct command_opts *opts, int number);

typedef void command_show(FILE *out, const json_t *json);

/** Prints an answer by `show`, or reports its error, and gives up the reference to `json`. `show`
 * NULL: prints no answer, except as JSON. Returns an exit code. */
int command_answer(const struct command_opts *opts, int status, json_t *json, command_show *show);

/** Sends a question and calls command_answer(). */
int command_ask(
	const struct command_opts *opts, const struct ask_question *question, command_show *show);

/** Sends a question with a body, whose reference is taken. Returns the status, or a negative errno,
 * already reported. */
int command_ask_with(const struct command_opts *opts, const char *method, const char *target,
	json_t *body, json_t **ret_json);

bool command_is_id(const char *word);

/** Shows the answer about one pair; if there is no such pair, says how to list them. Takes `json`.
 * Returns an exit code. */
int command_answer_pair(const struct command_opts *opts, int status, json_t *json, const char *id,
	command_show *show);

/** Appends a text to a target, as it is or escaped. Returns whether it fits. */
bool command_add(char target[COMMAND_TARGET_MAX], const char *text, bool escaped);

/** Makes "PATH?NAME=VALUE&..." from filters. COMMAND_OK, or an exit code, with the error already
 * reported. */
int command_filters(const struct command_opts *opts, const char *path, int n, char **filters,
	char target[COMMAND_TARGET_MAX]);

/** Call it if no pair matches the filters: checks whether weir knows the names in them. COMMAND_OK,
 * or an exit code, with the unknown name reported. */
int command_check_names(const struct command_opts *opts, int n, char **filters);

/** The states that an administrator can set; the last one is followed by NULL. */
extern const char *const command_states[]; /* change.c */

/** A command, called with the `n` words after its name. Returns an exit code. */
typedef int command_function(const struct command_opts *opts, int n, char **words);

command_function command_kill, command_server, command_reload, command_log; /* change.c */
command_function command_drain, command_undrain;                            /* drain.c */

#endif
