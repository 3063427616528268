/* SPDX-License-Identifier: ISC */
#include "ctl/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"
#include "proto/http_target.h"

enum { WAIT_S = 30, TARGET_MAX = HTTP_TARGET_MAX };

typedef void show_function(FILE *out, const json_t *json);

static int wrong(const struct command_opts *opts, const char *what, const char *remedy)
{
	(void)fputs("weirctl: ", opts->ask->err);
	show_text(opts->ask->err, what);
	fprintf(opts->ask->err, ": %s\n", remedy);
	return COMMAND_USAGE;
}

/** Asks, and shows the answer; `show` NULL: only that it is done. */
static int ask(
	const struct command_opts *opts, const struct ask_question *question, show_function *show)
{
	json_t *json = NULL;
	int status = ask_weir(opts->ask, question, &json);
	bool ready = strcmp(question->target, "/readyz") == 0;

	if (status < 0) {
		return COMMAND_FAILED;
	}
	if (status != 200 && (!ready || status != 503 || !json_is_object(json) ||
				     json_object_get(json, "ready") == NULL)) {
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

static int get(const struct command_opts *opts, const char *target, show_function *show)
{
	const struct ask_question question = {.method = "GET", .target = target, .wait_s = WAIT_S};

	return ask(opts, &question, show);
}

/** Adds a text as it is, or escaped; whether it fits. */
static bool add(char target[TARGET_MAX], const char *text, bool escaped)
{
	size_t len = strlen(target);
	int n = escaped ? http_target_escape(text, target + len, TARGET_MAX - len)
			: snprintf(target + len, TARGET_MAX - len, "%s", text);

	return n >= 0 && (size_t)n < TARGET_MAX - len;
}

/** "/v1/pairs?NAME=VALUE&..." of filters; COMMAND_OK, or what is wrong was told. */
static int filters_target(
	const struct command_opts *opts, int n, char **filters, char target[TARGET_MAX])
{
	char name[64];

	(void)strcpy(target, "/v1/pairs");
	for (int i = 0; i < n; i++) {
		const char *value = strchr(filters[i], '=');

		if (value == NULL || (size_t)(value - filters[i]) >= sizeof(name)) {
			return wrong(opts, filters[i], "a filter is NAME=VALUE, say listener=web");
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(value - filters[i]), filters[i]);
		if (!add(target, i == 0 ? "?" : "&", false) || !add(target, name, true) ||
			!add(target, "=", false) || !add(target, value + 1, true)) {
			return wrong(opts, filters[i], "the filters are too long; write fewer");
		}
	}
	return COMMAND_OK;
}

static bool is_id(const char *word)
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
	char target[TARGET_MAX];
	int code = filters_target(opts, n, words, target);

	return code != COMMAND_OK ? code : get(opts, target, show_pairs);
}

static int run_pair(const struct command_opts *opts, int n, char **words)
{
	char target[64];

	(void)n;
	if (!is_id(words[0])) {
		return wrong(opts, words[0], "an id is a number; weirctl pairs has them");
	}
	(void)snprintf(target, sizeof(target), "/v1/pairs/%s", words[0]);
	return get(opts, target, show_pair);
}

/* ---- what changes ---- */

static void show_told(FILE *out, const json_t *json)
{
	fprintf(out, "%lld told to end\n", show_number(json, "told"));
}

static int run_kill(const struct command_opts *opts, int n, char **words)
{
	struct ask_question question = {.method = "DELETE", .wait_s = WAIT_S};
	char target[TARGET_MAX];
	int code = COMMAND_OK;

	if (opts->all == (n > 0)) {
		return wrong(opts, "kill", "write an ID, filters, or --all alone, for all pairs");
	}
	if (opts->all) {
		(void)strcpy(target, "/v1/pairs?all=true");
	} else if (n == 1 && is_id(words[0])) {
		(void)snprintf(target, sizeof(target), "/v1/pairs/%s", words[0]);
	} else {
		code = filters_target(opts, n, words, target);
	}
	question.target = target;
	return code != COMMAND_OK ? code : ask(opts, &question, show_told);
}

/** Asks with a body, which is given back. */
static int ask_with(
	const struct command_opts *opts, const char *method, const char *target, json_t *body)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII);
	const struct ask_question question = {
		.method = method, .target = target, .body = text, .wait_s = WAIT_S};
	int code;

	json_decref(body);
	if (text == NULL) {
		(void)wrong(opts, target, "a word is no UTF-8, or there is no memory");
		return COMMAND_FAILED;
	}
	code = ask(opts, &question, NULL);
	free(text);
	return code;
}

/** {"weight": N}, or null for "-"; NULL: that is none. */
static json_t *weight_body(const char *word)
{
	if (strcmp(word, "-") == 0) {
		return json_pack("{sn}", "weight");
	}
	return is_id(word) && strlen(word) <= 9 ? json_pack("{si}", "weight", atoi(word)) : NULL;
}

static int run_server(const struct command_opts *opts, int n, char **words)
{
	static const char remedy[] = "write UP/NAME drain, down, up, auto, weight N or weight -";
	char target[TARGET_MAX] = "/v1/upstreams/";
	char *slash = strchr(words[0], '/');
	bool is_weight = strcmp(words[1], "weight") == 0;
	json_t *body;

	if (slash == NULL || slash == words[0] || slash[1] == '\0' || is_weight != (n == 3)) {
		return wrong(opts, words[0], remedy);
	}
	*slash = '\0';
	if (!add(target, words[0], true) || !add(target, "/servers/", false) ||
		!add(target, slash + 1, true)) {
		return wrong(opts, words[0], "the name is too long");
	}
	body = is_weight ? weight_body(words[2]) : json_pack("{ss}", "state", words[1]);
	if (is_weight && body == NULL) {
		return wrong(opts, words[2], "a weight is 0 to 256, or - for that of the config");
	}
	return ask_with(opts, "PATCH", target, body);
}

static void show_generation(FILE *out, const json_t *json)
{
	fprintf(out, "generation %lld is in force\n", show_number(json, "generation"));
}

static int run_reload(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return ask(opts, &ask_reload_question, show_generation);
}

static int run_log(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	return ask_with(opts, "PUT", "/v1/log", json_pack("{ss}", "level", words[0]));
}

/* ---- the table ---- */

static const struct command {
	const char *name;
	int least; /* words behind it */
	int most;
	int (*run)(const struct command_opts *opts, int n, char **words);
	const char *usage;
} commands[] = {
	{"status", 0, 0, run_status, "it takes no words"},
	{"ready", 0, 0, run_ready, "it takes no words"},
	{"listeners", 0, 0, run_listeners, "it takes no words"},
	{"upstreams", 0, 0, run_upstreams, "it takes no words"},
	{"pairs", 0, HTTP_PARAMETERS_MAX, run_pairs, "at most 32 filters"},
	{"pair", 1, 1, run_pair, "write one ID; weirctl pairs has them"},
	{"kill", 0, HTTP_PARAMETERS_MAX, run_kill, "at most 32 filters"},
	{"server", 2, 3, run_server, "write UP/NAME drain, down, up, auto, weight N or weight -"},
	{"reload", 0, 0, run_reload, "it takes no words"},
	{"log", 1, 1, run_log, "write one LEVEL: error, warn, info or debug"},
};

int command_run(const struct command_opts *opts, int n, char **words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *command = &commands[i];

		if (strcmp(command->name, words[0]) != 0) {
			continue;
		}
		if (opts->all && command->run != run_kill) {
			return wrong(opts, words[0], "--all is of kill alone");
		}
		if (n - 1 < command->least || n - 1 > command->most) {
			return wrong(opts, words[0], command->usage);
		}
		return command->run(opts, n - 1, words + 1);
	}
	return wrong(opts, words[0], "there is no such command; weirctl --help has them");
}
