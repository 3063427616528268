/* SPDX-License-Identifier: ISC */
#include "ctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "ctl/command_private.h"
#include "ctl/names.h"
#include "ctl/show.h"

int command_wrong(const struct command_opts *opts, const char *what, const char *remedy)
{
	fprintf(opts->ask->err, "%s: ", opts->ask->program);
	show_text(opts->ask->err, what);
	fprintf(opts->ask->err, ": %s\n", remedy);
	return COMMAND_USAGE;
}

/** A 503 of /readyz is an answer, and no error. */
static bool is_unready(int status, const json_t *json)
{
	return status == 503 && json_is_object(json) && json_object_get(json, "ready") != NULL;
}

int command_answer(const struct command_opts *opts, int status, json_t *json, command_show *show)
{
	if (status < 0) {
		return COMMAND_FAILED;
	}
	if (status != 200 && !is_unready(status, json)) {
		ask_tell(opts->ask, status, json);
	} else if (opts->json) {
		(void)json_dumpf(json, opts->out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		(void)fputc('\n', opts->out);
	} else if (show != NULL) {
		show(opts->out, json);
	}
	json_decref(json);
	return status == 200 ? COMMAND_OK : COMMAND_FAILED;
}

int command_ask(
	const struct command_opts *opts, const struct ask_question *question, command_show *show)
{
	json_t *json = NULL;
	int status = ask_weir(opts->ask, question, &json);

	return command_answer(opts, status, json, show);
}

int command_ask_with(const struct command_opts *opts, const char *method, const char *target,
	json_t *body, json_t **ret_json)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII);
	const struct ask_question question = {
		.method = method, .target = target, .body = text, .wait_s = COMMAND_WAIT_S};
	int status;

	json_decref(body);
	if (text == NULL) {
		(void)command_wrong(opts, target, "a word is no UTF-8, or there is no memory");
		return -1;
	}
	status = ask_weir(opts->ask, &question, ret_json);
	free(text);
	return status;
}

static int get(const struct command_opts *opts, const char *target, command_show *show)
{
	const struct ask_question question = {
		.method = "GET", .target = target, .wait_s = COMMAND_WAIT_S};

	return command_ask(opts, &question, show);
}

/* ---- words ---- */

bool command_add(char target[COMMAND_TARGET_MAX], const char *text, bool escaped)
{
	size_t len = strlen(target);
	size_t room = COMMAND_TARGET_MAX - len;
	int n = escaped ? http_target_escape(text, target + len, room)
			: snprintf(target + len, room, "%s", text);

	return n >= 0 && (size_t)n < room;
}

int command_filters(
	const struct command_opts *opts, int n, char **filters, char target[COMMAND_TARGET_MAX])
{
	char name[64];

	(void)strcpy(target, "/v1/pairs");
	for (int i = 0; i < n; i++) {
		const char *value = strchr(filters[i], '=');

		if (value == NULL || (size_t)(value - filters[i]) >= sizeof(name)) {
			return command_wrong(
				opts, filters[i], "a filter is NAME=VALUE, say listener=web");
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(value - filters[i]), filters[i]);
		if (!command_add(target, i == 0 ? "?" : "&", false) ||
			!command_add(target, name, true) || !command_add(target, "=", false) ||
			!command_add(target, value + 1, true)) {
			return command_wrong(
				opts, filters[i], "the filters are too long; write fewer");
		}
	}
	return COMMAND_OK;
}

int command_check_names(const struct command_opts *opts, int n, char **filters)
{
	for (int i = 0; i < n; i++) {
		if (!names_check_filter(opts->ask, filters[i])) {
			return COMMAND_FAILED;
		}
	}
	return COMMAND_OK;
}

bool command_is_id(const char *word)
{
	return *word != '\0' && word[strspn(word, "0123456789")] == '\0' && strlen(word) <= 20;
}

/* ---- what shows ---- */

static int run_status(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return get(opts, "/v1/status", show_status);
}

static void show_ready(FILE *out, const json_t *json)
{
	(void)fputs(json_is_true(json_object_get(json, "ready")) ? "ready: " : "not ready: ", out);
	show_member(out, json, "state");
	(void)fputc('\n', out);
}

static int run_ready(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return get(opts, "/readyz", show_ready);
}

static int run_listeners(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return get(opts, "/v1/listeners", show_listeners);
}

static int run_upstreams(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return get(opts, "/v1/upstreams", show_upstreams);
}

static int run_pairs(const struct command_opts *opts, int n, char **words)
{
	char target[COMMAND_TARGET_MAX];
	struct ask_question question = {
		.method = "GET", .target = target, .wait_s = COMMAND_WAIT_S};
	int code = command_filters(opts, n, words, target);
	json_t *json = NULL;
	int status;

	if (code != COMMAND_OK) {
		return code;
	}
	status = ask_weir(opts->ask, &question, &json);
	if (status == 200 && json_array_size(json_object_get(json, "pairs")) == 0) {
		code = command_check_names(opts, n, words);
	}
	if (code != COMMAND_OK) {
		json_decref(json);
		return code;
	}
	return command_answer(opts, status, json, show_pairs);
}

static int run_pair(const struct command_opts *opts, int n, char **words)
{
	char target[64];

	(void)n;
	if (!command_is_id(words[0])) {
		return command_wrong(opts, words[0], "an id is a number; weirctl pairs has them");
	}
	(void)snprintf(target, sizeof(target), "/v1/pairs/%s", words[0]);
	return get(opts, target, show_pair);
}

/* ---- the table ---- */

static const struct command {
	const char *name;
	int least; /* words behind it */
	int most;
	command_function *run;
	const char *usage;
} commands[] = {
	{"status", 0, 0, run_status, "it takes no words"},
	{"ready", 0, 0, run_ready, "it takes no words"},
	{"listeners", 0, 0, run_listeners, "it takes no words"},
	{"upstreams", 0, 0, run_upstreams, "it takes no words"},
	{"pairs", 0, HTTP_PARAMETERS_MAX, run_pairs, "at most 32 filters"},
	{"pair", 1, 1, run_pair, "write one ID; weirctl pairs has them"},
	{"kill", 0, HTTP_PARAMETERS_MAX, command_kill, "at most 32 filters"},
	{"server", 2, 3, command_server,
		"write UP/NAME drain, down, up, auto, weight N or weight -"},
	{"drain", 0, 1, command_drain, "write one GRACE, as 10s, or none"},
	{"undrain", 0, 0, command_undrain, "it takes no words"},
	{"reload", 0, 0, command_reload, "it takes no words"},
	{"log", 1, 1, command_log, "write one LEVEL: error, warn, info or debug"},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int tell_unknown(const struct command_opts *opts, const char *word)
{
	struct nearest nearest = nearest_begin(word);
	char remedy[128] = "there is no such command; weirctl --help has them";

	for (size_t i = 0; i < N_COMMANDS; i++) {
		nearest_try(&nearest, commands[i].name);
	}
	if (nearest.known != NULL) {
		(void)snprintf(remedy, sizeof(remedy),
			"there is no such command; the nearest is %s", nearest.known);
	}
	return command_wrong(opts, word, remedy);
}

int command_run(const struct command_opts *opts, int n, char **words)
{
	const struct command *command = commands;

	while (command < commands + N_COMMANDS && strcmp(command->name, words[0]) != 0) {
		command++;
	}
	if (command == commands + N_COMMANDS) {
		return tell_unknown(opts, words[0]);
	}
	if (opts->all && command->run != command_kill) {
		return command_wrong(opts, words[0], "--all is of kill alone");
	}
	if (opts->end_pairs && command->run != command_drain) {
		return command_wrong(opts, words[0], "--end-pairs is of drain alone");
	}
	if (n - 1 < command->least || n - 1 > command->most) {
		return command_wrong(opts, words[0], command->usage);
	}
	return command->run(opts, n - 1, words + 1);
}
