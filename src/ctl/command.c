/* SPDX-License-Identifier: ISC */
#include "ctl/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/names.h"
#include "ctl/show.h"

int command_wrong(const struct command_opts *opts, const char *what, const char *remedy)
{
	fprintf(opts->ask->err, "%s: ", opts->ask->program);
	show_text(opts->ask->err, what);
	fprintf(opts->ask->err, ": %s\n", remedy);
	return COMMAND_USAGE;
}

int command_unwritten(const struct command_opts *opts, int number)
{
	fprintf(opts->ask->err, "%s: standard output: %s\n", opts->ask->program,
		strerrordesc_np(number));
	return COMMAND_FAILED;
}

/** Whether this is a 503 of /readyz, which is an answer and not an error. */
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
		ask_tell(opts->ask, json);
	} else if (opts->json) {
		(void)json_dumpf(json, opts->out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		(void)fputc('\n', opts->out);
	} else if (show != NULL) {
		show(opts->out, json);
	}
	json_decref(json);
	return status == 200 ? COMMAND_OK : status == 400 ? COMMAND_USAGE : COMMAND_FAILED;
}

int command_answer_pair(const struct command_opts *opts, int status, json_t *json, const char *id,
	command_show *show)
{
	if (status != 404) {
		return command_answer(opts, status, json, show);
	}
	json_decref(json);
	(void)command_wrong(opts, id,
		"there is no such pair any more, or not yet; weirctl pairs lists those that are "
		"open");
	return COMMAND_FAILED;
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
		return -EINVAL;
	}
	status = ask_weir(opts->ask, &question, ret_json);
	free(text);
	return status;
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

int command_filters(const struct command_opts *opts, const char *path, int n, char **filters,
	char target[COMMAND_TARGET_MAX])
{
	char name[64];

	(void)strcpy(target, path);
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
