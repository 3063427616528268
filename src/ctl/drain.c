/* SPDX-License-Identifier: ISC */
/* Out of service by hand, and back. */
#include <string.h>

#include "base/parse.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void show_drain(FILE *out, const json_t *json)
{
	const json_t *left = json_object_get(json, "left_ms");
	char text[SHOW_TIME_MAX];
	size_t i;
	json_t *socket;

	show_member(out, json, "state");
	if (json_is_integer(left)) {
		fprintf(out, ", %s left", show_time(json_integer_value(left), text));
	}
	fprintf(out, ", pairs open %lld%s\n", show_number(json, "pairs_open"),
		json_is_true(json_object_get(json, "end_pairs")) ? ", which are ended" : "");
	json_array_foreach(json_object_get(json, "kept"), i, socket)
	{
		(void)fputs("systemd holds ", out);
		show_member(out, socket, "name");
		(void)fputs(" at ", out);
		show_member(out, socket, "address");
		(void)fputs(", which goes on accepting until both its unit and weir are stopped\n",
			out);
	}
}

/** Where the config has no grace, by which a drain has begun, clients meet closed ports at once. */
static void warn_of_no_grace(const struct command_opts *opts, const json_t *json)
{
	const json_t *grace = json_object_get(json, "grace_ms");

	if (json_is_integer(grace) && json_integer_value(grace) == 0) {
		fprintf(opts->ask->err,
			"%s: warning: drain.grace is 0s, so listeners close before a balancer has "
			"seen /readyz; write a GRACE, as weirctl drain 10s, or drain.grace\n",
			opts->ask->program);
	}
}

/** Whether a drain begins now, not goes on as somebody has asked; a negative errno was told. */
static int is_in_service(const struct command_opts *opts)
{
	const struct ask_question question = {
		.method = "GET", .target = "/v1/status", .wait_s = COMMAND_WAIT_S};
	const char *state;
	json_t *json;
	int status = ask_weir(opts->ask, &question, &json);
	bool is;

	if (status < 0) {
		return status;
	}
	state = json_string_value(json_object_get(json, "state"));
	is = state != NULL && strcmp(state, "running") == 0;
	json_decref(json);
	return is;
}

int command_drain(const struct command_opts *opts, int n, char **words)
{
	const char *why = "write a duration, as 10s or 0s";
	uint64_t grace_ns;
	json_t *json = NULL;
	json_t *body = json_pack("{sb}", "end_pairs", opts->end_pairs);
	int begins = 0;
	int status;

	if (n == 1 && parse_duration(words[0], &grace_ns, &why) < 0) {
		json_decref(body);
		return command_wrong(opts, words[0], why);
	}
	if (n == 1) {
		(void)json_object_set_new(body, "grace", json_string(words[0]));
	}
	if (n == 0) {
		begins = is_in_service(opts);
	}
	if (begins < 0) {
		json_decref(body);
		return COMMAND_FAILED;
	}
	status = command_ask_with(opts, "POST", "/v1/drain", body, &json);
	if (status == 200 && begins) {
		warn_of_no_grace(opts, json);
	}
	return command_answer(opts, status, json, show_drain);
}

int command_undrain(const struct command_opts *opts, int n, char **words)
{
	const struct ask_question question = {
		.method = "POST", .target = "/v1/undrain", .wait_s = COMMAND_WAIT_S};

	(void)n;
	(void)words;
	return command_ask(opts, &question, NULL);
}
