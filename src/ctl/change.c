/* SPDX-License-Identifier: ISC */
/* The commands that change the state of weir. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "ctl/command.h"
#include "ctl/names.h"
#include "ctl/show.h"
#include "log/level.h"

/* ---- kill ---- */

static void show_told(FILE *out, const json_t *json)
{
	fprintf(out, "%lld told to end\n", show_number(json, "told"));
}

/** Whether the words choose pairs, as far as weirctl knows; if not, that was reported. */
static bool choose_pairs(const struct command_opts *opts, int n, char **words)
{
	bool has_filter = false;

	for (int i = 0; i < n; i++) {
		if (strncmp(words[i], "all=", 4) == 0) {
			(void)command_wrong(opts, words[i], "for all pairs write --all alone");
			return false;
		}
		has_filter = has_filter || strncmp(words[i], "limit=", 6) != 0;
	}
	if (opts->all == (n > 0) || (n > 0 && !has_filter)) {
		(void)command_wrong(opts, "kill",
			"write an ID, filters such as listener=web, or --all alone, for all pairs");
		return false;
	}
	return true;
}

int command_kill(const struct command_opts *opts, int n, char **words)
{
	struct ask_question question = {.method = "DELETE", .wait_s = COMMAND_WAIT_S};
	bool is_one = !opts->all && n == 1 && command_is_id(words[0]);
	char target[COMMAND_TARGET_MAX];
	json_t *json = NULL;
	int code = COMMAND_OK;
	int status;

	if (!choose_pairs(opts, n, words)) {
		return COMMAND_USAGE;
	}
	if (opts->all) {
		(void)strcpy(target, "/v1/pairs?all=true");
	} else if (is_one) {
		(void)snprintf(target, sizeof(target), "/v1/pairs/%s", words[0]);
	} else {
		code = command_filters(opts, "/v1/pairs", n, words, target);
	}
	if (code != COMMAND_OK) {
		return code;
	}
	question.target = target;
	status = ask_weir(opts->ask, &question, &json);
	if (status == 200 && !opts->all && !is_one && show_number(json, "told") == 0) {
		code = command_check_names(opts, n, words);
	}
	if (code != COMMAND_OK) {
		json_decref(json);
		return code;
	}
	return is_one ? command_answer_pair(opts, status, json, words[0], show_told)
		      : command_answer(opts, status, json, show_told);
}

/* ---- commands with a body ---- */

int command_log(const struct command_opts *opts, int n, char **words)
{
	enum log_level level;
	json_t *json = NULL;
	int status;

	(void)n;
	if (log_level_parse(words[0], &level) < 0) {
		return command_wrong(opts, words[0], "a level is error, warn, info or debug");
	}
	status = command_ask_with(
		opts, "PUT", "/v1/log", json_pack("{ss}", "level", log_level_name(level)), &json);
	return command_answer(opts, status, json, NULL);
}

const char *const command_states[] = {"drain", "down", "up", "auto", NULL};

static bool is_state(const char *word)
{
	for (size_t i = 0; command_states[i] != NULL; i++) {
		if (strcmp(command_states[i], word) == 0) {
			return true;
		}
	}
	return false;
}

/** Makes {"weight": N}, with null for "-". NULL: the word is not a weight. */
static json_t *weight_body(const char *word)
{
	if (strcmp(word, "-") == 0) {
		return json_pack("{sn}", "weight");
	}
	return command_is_id(word) && strlen(word) <= 9 && atoi(word) <= CONF_WEIGHT_MAX
		       ? json_pack("{si}", "weight", atoi(word))
		       : NULL;
}

/** Makes "/v1/upstreams/UP/servers/NAME". Returns whether the word is UP/NAME and fits. */
static bool server_target(const char *word, char target[COMMAND_TARGET_MAX])
{
	const char *slash = strchr(word, '/');
	char upstream[COMMAND_TARGET_MAX];

	if (slash == NULL || slash == word || slash[1] == '\0' ||
		(size_t)(slash - word) >= sizeof(upstream)) {
		return false;
	}
	(void)snprintf(upstream, sizeof(upstream), "%.*s", (int)(slash - word), word);
	(void)strcpy(target, "/v1/upstreams/");
	return command_add(target, upstream, true) && command_add(target, "/servers/", false) &&
	       command_add(target, slash + 1, true);
}

int command_server(const struct command_opts *opts, int n, char **words)
{
	bool is_weight = strcmp(words[1], "weight") == 0;
	char target[COMMAND_TARGET_MAX];
	json_t *json = NULL;
	json_t *body;
	int status;

	if (!server_target(words[0], target) || is_weight != (n == 3)) {
		return command_wrong(opts, words[0],
			"write UP/NAME drain, down, up, auto, weight N or weight -");
	}
	if (!is_weight && !is_state(words[1])) {
		return command_wrong(opts, words[1],
			"a server is told drain, down, up, auto, weight N or weight -");
	}
	body = is_weight ? weight_body(words[2]) : json_pack("{ss}", "state", words[1]);
	if (is_weight && body == NULL) {
		return command_wrong(
			opts, words[2], "a weight is 0 to 256, or - for that of the config");
	}
	status = command_ask_with(opts, "PATCH", target, body, &json);
	if (status == 404 && names_tell_server(opts->ask, words[0])) {
		json_decref(json);
		return COMMAND_FAILED;
	}
	return command_answer(opts, status, json, NULL);
}

/* ---- reload ---- */

static void show_generation(FILE *out, const json_t *json)
{
	fprintf(out, "generation %lld is in force\n", show_number(json, "generation"));
}

int command_reload(const struct command_opts *opts, int n, char **words)
{
	(void)n;
	(void)words;
	return command_ask(opts, &ask_reload_question, show_generation);
}
