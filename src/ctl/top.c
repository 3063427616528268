/* SPDX-License-Identifier: ISC */
/*
 * Each second top asks weir and draws the answers; meanwhile it handles keys. The load on weir is
 * bounded: listing pairs takes at most a tenth of the time. If weir does not answer, the screen
 * stays and says so, and weir is asked again each second.
 */
#include "ctl/top.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ctl/show.h"
#include "ctl/terminal.h"
#include "ctl/top_private.h"

enum { PAIRS_SHARE = 10 };

void top_take_said(struct top *top, char text[TOP_SAYS_MAX])
{
	(void)fflush(top->ask.err);
	(void)snprintf(text, TOP_SAYS_MAX, "%.*s",
		top->said == NULL ? 0 : (int)strcspn(top->said, "\n"),
		top->said == NULL ? "" : top->said);
	if (top->said != NULL) {
		top->said[0] = '\0';
	}
	rewind(top->ask.err);
}

static void clock_text(char text[16])
{
	time_t now = time(NULL);
	struct tm tm;

	text[0] = '\0';
	if (localtime_r(&now, &tm) != NULL) {
		(void)strftime(text, 16, "%H:%M:%S", &tm);
	}
}

/** Takes a sample of the pairs. 0, or a negative errno, already reported. */
static int look_at_pairs(struct top *top)
{
	const struct top_pair **shown;
	uint64_t begin_ns = clock_ns();
	uint64_t pause_ns = NS_PER_S;
	int r = top_pairs_take(&top->pairs, &top->ask, top->target);

	if (r < 0) {
		return r;
	}
	/* Room for both lists, the busiest and the longest silent, each of which may have all
	 * pairs. */
	shown = realloc(top->shown, (2 * top->pairs.n + 1) * sizeof(*shown));
	if (shown == NULL) {
		top_pairs_fini(&top->pairs); /* `shown` may have no room for them */
		top->n_shown = 0;
		return ask_fail(
			&top->ask, "the pairs cannot be listed", -ENOMEM, TOP_MEMORY_REMEDY);
	}
	top->shown = shown;
	top->n_shown = 0;
	if (top->pairs.took_ns > NS_PER_S / PAIRS_SHARE) {
		pause_ns = top->pairs.took_ns * PAIRS_SHARE;
	}
	top->pairs_due_ns = begin_ns + pause_ns;
	return 0;
}

/** Takes a sample of everything. 0, or a negative errno, already reported. */
static int look(struct top *top)
{
	int r = top_numbers_take(&top->numbers, &top->before, &top->ask);

	if (r < 0) {
		return r;
	}
	if (top_is_restarted(&top->numbers, &top->before)) {
		clock_text(top->restarted_at);
		top_pairs_fini(&top->pairs); /* after a restart the ids belong to other pairs */
		top->n_shown = 0;
		top->selected = -1;
		top->pairs_due_ns = 0;
	}
	return clock_ns() < top->pairs_due_ns ? 0 : look_at_pairs(top);
}

static void look_and_say(struct top *top)
{
	int r = look(top);

	if (r == -EINVAL) { /* weir has answered that the filter is wrong */
		top_take_said(top, top->says);
		top->pairs_due_ns = clock_ns() + NS_PER_S;
	}
	if (r == 0 || r == -EINVAL) {
		top->lost[0] = '\0';
		return;
	}
	if (*top->lost == '\0') {
		clock_text(top->lost_at);
	}
	top_take_said(top, top->lost);
}

static void run(struct top *top)
{
	uint64_t due_ns = clock_ns() + NS_PER_S;
	int key;

	top_draw(top);
	while ((key = terminal_key(due_ns)) != TERMINAL_END) {
		if (key != TERMINAL_TIME && !top_key(top, key)) {
			return;
		}
		if (clock_ns() >= due_ns || top->pairs_due_ns == 0) {
			look_and_say(top);
			due_ns = clock_ns() + NS_PER_S;
		}
		top_draw(top);
	}
}

/** Prints a line of JSON with all numbers. */
static void print_json(const struct top *top)
{
	json_t *all = json_pack("{sO, sO, sO, sO}", "status", top->numbers.status, "listeners",
		json_object_get(top->numbers.listeners, "listeners"), "upstreams",
		json_object_get(top->numbers.upstreams, "upstreams"), "pairs",
		json_object_get(top->pairs.json, "pairs"));

	(void)json_dumpf(all, top->opts->out, JSON_COMPACT | JSON_ENSURE_ASCII);
	(void)fputc('\n', top->opts->out);
	json_decref(all);
}

/** Runs until the reader of stdout is gone, or weir does not answer. */
static int run_json(struct top *top)
{
	const struct timespec pause = {.tv_sec = 1};

	top->ask.err = top->opts->ask->err;
	do {
		print_json(top);
		if (fflush(top->opts->out) != 0) {
			return errno == EPIPE ? COMMAND_OK : command_unwritten(top->opts, errno);
		}
		(void)nanosleep(&pause, NULL);
	} while (look(top) == 0);
	return COMMAND_FAILED;
}

static int run_screen(struct top *top)
{
	int r = terminal_open();
	int number;

	if (r < 0) {
		fprintf(top->opts->ask->err, "%s: %s\n", top->opts->ask->program,
			r == -ENOTTY ? "top wants a terminal; write top --json for a line each "
				       "second"
				     : "this terminal is not known; set TERM, say to xterm");
		return COMMAND_USAGE;
	}
	run(top);
	terminal_close();
	number = terminal_signal();
	if (number != 0 && number != SIGINT) {
		(void)raise(number); /* end by the signal, as without a handler */
	}
	return COMMAND_OK;
}

int top_run(const struct command_opts *opts)
{
	struct top top = {.opts = opts, .ask = *opts->ask, .selected = -1};
	int code;

	top.ask.err = open_memstream(&top.said, &top.n_said);
	if (top.ask.err == NULL) {
		return COMMAND_FAILED;
	}
	(void)top_set_filter(&top, "");
	if (look(&top) < 0) {
		(void)fflush(top.ask.err);
		(void)fputs(top.said, opts->ask->err);
		code = COMMAND_FAILED;
	} else {
		FILE *said = top.ask.err;

		code = opts->json ? run_json(&top) : run_screen(&top);
		top.ask.err = said;
	}
	(void)fclose(top.ask.err);
	free(top.said);
	free(top.shown);
	top_numbers_fini(&top.numbers);
	top_numbers_fini(&top.before);
	top_pairs_fini(&top.pairs);
	return code;
}
