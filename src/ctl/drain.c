/* SPDX-License-Identifier: ISC */
/* Weirctl drain and undrain: takes weir out of service by hand, and back. A drain with --wait first
 * waits until no pair is open or the time is over, and then drains. This is for setups in which a
 * network route leads to weir only while it is ready: when weir is not ready any more, the packets
 * of its open pairs go to another machine, which cuts these pairs. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/command.h"
#include "ctl/show.h"

enum { WAIT_LOOK_MS = 100 };

static void show_drain(FILE *out, const json_t *json)
{
	const json_t *left = json_object_get(json, "left_ms");
	long long n_open = show_number(json, "pairs_open");
	char text[SHOW_TIME_MAX];
	size_t i;
	json_t *socket;

	show_member(out, json, "state");
	if (json_is_integer(left)) {
		fprintf(out, ", %s left", show_time(json_integer_value(left), text));
	}
	fprintf(out, ", pairs open %lld%s\n", n_open,
		n_open > 0 && json_is_true(json_object_get(json, "end_pairs")) ? ", which are ended"
									       : "");
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

/** Prints a warning if a drain has begun without a grace: clients find the ports closed at once. */
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

/** The state of weir, which a drain reads first. */
struct drain_now {
	/** True: this command begins the drain. False: it changes one under way. */
	bool is_in_service;
	long long n_open;
};

/** Reads the state. 0, or a negative errno, already reported. */
static int look(const struct command_opts *opts, struct drain_now *ret_now)
{
	const struct ask_question question = {
		.method = "GET", .target = "/v1/status", .wait_s = COMMAND_WAIT_S};
	const char *state;
	json_t *json;
	int status = ask_weir(opts->ask, &question, &json);

	if (status < 0) {
		return status;
	}
	state = json_string_value(json_object_get(json, "state"));
	ret_now->is_in_service = state != NULL && strcmp(state, "running") == 0;
	ret_now->n_open = show_number(json_object_get(json, "pairs"), "open");
	json_decref(json);
	return 0;
}

/** Waits until no pair is open, but for `wait_ns` at most. 0, or a negative errno, already
 * reported. */
static int wait_for_pairs(const struct command_opts *opts, uint64_t wait_ns)
{
	uint64_t end_ns = clock_after(clock_ns(), wait_ns);
	struct drain_now now;
	bool was_drained;
	int r = look(opts, &now);

	was_drained = r == 0 && !now.is_in_service;

	if (r == 0 && now.n_open > 0) {
		fprintf(opts->ask->err, "%s: waits for %lld open pairs, %s at most\n",
			opts->ask->program, now.n_open, opts->wait);
	}
	while (r == 0 && now.n_open > 0 && clock_ns() < end_ns) {
		const struct timespec pause = {.tv_nsec = WAIT_LOOK_MS * (long)NS_PER_MS};

		(void)nanosleep(&pause, NULL);
		r = look(opts, &now);
		if (r == 0 && was_drained && now.is_in_service) {
			(void)command_wrong(opts, "drain",
				"somebody has undrained weir meanwhile; ask again if it is to go");
			return -ECANCELED;
		}
	}
	return r;
}

static void tell_open(const struct command_opts *opts, const json_t *json)
{
	long long n_open = show_number(json, "pairs_open");

	if (n_open > 0) {
		fprintf(opts->ask->err,
			"%s: pairs still open: %lld; they are cut when the address of this weir "
			"moves to another machine\n",
			opts->ask->program, n_open);
	}
}

/** Parses the times; NS_NEVER: not given. COMMAND_OK, or an exit code, with the error reported. */
static int read_times(const struct command_opts *opts, int n, char **words, uint64_t *ret_wait_ns)
{
	const char *why;
	uint64_t grace_ns;

	*ret_wait_ns = NS_NEVER;
	if (n == 1 && (parse_duration(words[0], &grace_ns, &why) < 0 || grace_ns == NS_NEVER)) {
		return command_wrong(
			opts, words[0], "write how long clients are still let in, as 10s or 0s");
	}
	if (opts->wait != NULL &&
		(parse_duration(opts->wait, ret_wait_ns, &why) < 0 || *ret_wait_ns == NS_NEVER)) {
		return command_wrong(opts, opts->wait, "write how long to wait at most, as 60s");
	}
	return COMMAND_OK;
}

int command_drain(const struct command_opts *opts, int n, char **words)
{
	struct drain_now now = {.is_in_service = false};
	json_t *json = NULL;
	json_t *body;
	uint64_t wait_ns;
	int status = read_times(opts, n, words, &wait_ns);

	if (status != COMMAND_OK) {
		return status;
	}
	if ((n == 0 && look(opts, &now) < 0) ||
		(opts->wait != NULL && wait_for_pairs(opts, wait_ns) < 0)) {
		return COMMAND_FAILED;
	}
	body = json_pack("{sb}", "end_pairs", opts->end_pairs);
	if (n == 1) {
		(void)json_object_set_new(body, "grace", json_string(words[0]));
	}
	status = command_ask_with(opts, "POST", "/v1/drain", body, &json);
	if (status == 200 && now.is_in_service) {
		warn_of_no_grace(opts, json);
	}
	if (status == 200 && opts->wait != NULL) {
		tell_open(opts, json);
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
