/* SPDX-License-Identifier: ISC */
#include "ctl/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "ctl/events.h"
#include "ctl/show.h"
#include "ctl/top.h"

/* ---- commands that show ---- */

static int get(const struct command_opts *opts, const char *target, command_show *show)
{
	const struct ask_question question = {
		.method = "GET", .target = target, .wait_s = COMMAND_WAIT_S};

	return command_ask(opts, &question, show);
}

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
	int code = command_filters(opts, "/v1/pairs", n, words, target);
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
	const struct ask_question question = {
		.method = "GET", .target = target, .wait_s = COMMAND_WAIT_S};
	json_t *json = NULL;
	int status;

	(void)n;
	if (!command_is_id(words[0])) {
		return command_wrong(opts, words[0], "an id is a number; weirctl pairs has them");
	}
	(void)snprintf(target, sizeof(target), "/v1/pairs/%s", words[0]);
	status = ask_weir(opts->ask, &question, &json);
	return command_answer_pair(opts, status, json, words[0], show_pair);
}

static int run_top(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return top_run(opts);
}

/* ---- the table ---- */

static const struct command {
	const char *name;
	int least; /* words after it */
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
	{"events", 0, HTTP_PARAMETERS_MAX, events_run, "at most 32 filters"},
	{"top", 0, 0, run_top, "it takes no words; f filters"},
	{"reload", 0, 0, command_reload, "it takes no words"},
	{"log", 1, 1, command_log, "write one LEVEL: error, warn, info or debug"},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

const char *commands_name(size_t i)
{
	return i < N_COMMANDS ? commands[i].name : NULL;
}

static int tell_unknown(const struct command_opts *opts, const char *word)
{
	char lower[64];
	struct nearest nearest;
	char remedy[128] = "there is no such command; weirctl --help has them";

	(void)snprintf(lower, sizeof(lower), "%s", word);
	for (char *c = lower; *c != '\0'; c++) {
		*c = (char)tolower((unsigned char)*c);
	}
	nearest = nearest_begin(lower);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		nearest_try(&nearest, commands[i].name);
	}
	if (nearest.known != NULL) {
		(void)snprintf(remedy, sizeof(remedy),
			"there is no such command; the nearest is %s", nearest.known);
	}
	return command_wrong(opts, word, remedy);
}

int commands_run(const struct command_opts *opts, int n, char **words)
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
	if (opts->wait != NULL && command->run != command_drain) {
		return command_wrong(opts, words[0], "--wait is of drain alone");
	}
	if (n - 1 < command->least || n - 1 > command->most) {
		return command_wrong(opts, words[0], command->usage);
	}
	return command->run(opts, n - 1, words + 1);
}
