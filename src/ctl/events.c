/* SPDX-License-Identifier: ISC */
#include "ctl/events.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/show.h"
#include "log/events.h"
#include "log/level.h"

enum { LINE_CHARS_MAX = 16 * 1024 * 1024 /* far more than an event ever has */ };

struct following {
	const struct command_opts *opts;
	bool wants_stats; /**< the stats are asked for by name, or the output is JSON */
	char *line;       /**< the part of the line that has arrived, malloc'd */
	size_t n;
	bool has_ended;  /**< weir has sent the last event */
	bool is_unread;  /**< the reader of stdout is gone */
	int write_errno; /**< why the output cannot be written; 0: it can */
	bool is_strange;
};

/* ---- an event ---- */

/** Writes a value as one word, in quotes if it is empty or has several words. */
static void show_word(FILE *out, const json_t *value)
{
	const char *text = json_string_value(value);
	char *dump;

	if (text != NULL && *text != '\0' && strpbrk(text, " \"") == NULL) {
		show_text(out, text);
	} else if (text != NULL) {
		(void)fputc('"', out);
		show_quoted(out, text);
		(void)fputc('"', out);
	} else {
		dump = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY |
						 JSON_REAL_PRECISION(15));
		(void)fputs(dump == NULL ? "-" : dump, out);
		free(dump);
	}
}

/** Writes "TIME LEVEL EVENT KEY=VALUE ...". */
static void show_event(FILE *out, const json_t *event)
{
	static const char *const first[] = {"time", "level", "event", NULL};
	const char *sign = "";
	const char *key;
	json_t *value;

	for (size_t i = 0; first[i] != NULL; i++) {
		if ((value = json_object_get(event, first[i])) != NULL) {
			(void)fputs(sign, out);
			show_text(out, json_string_value(value));
			sign = " ";
		}
	}
	json_object_foreach((json_t *)event, key, value)
	{
		if (strcmp(key, "time") != 0 && strcmp(key, "level") != 0 &&
			strcmp(key, "event") != 0) {
			(void)fputs(sign, out);
			show_text(out, key);
			(void)fputc('=', out);
			show_word(out, value);
		}
	}
	(void)fputc('\n', out);
}

static void on_event(struct following *following, const char *data)
{
	json_t *event = json_loads(data, 0, NULL);
	const char *name = json_string_value(json_object_get(event, "event"));

	if (name == NULL) {
		following->is_strange = true;
	} else if (following->opts->json) {
		(void)json_dumpf(event, following->opts->out,
			JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		(void)fputc('\n', following->opts->out);
	} else if (following->wants_stats || strcmp(name, "stats") != 0) {
		show_event(following->opts->out, event);
	}
	following->has_ended |= name != NULL && strcmp(name, "end") == 0;
	json_decref(event);
}

/* ---- lines of server-sent events: the name of an event is also in its data ---- */

static void on_line(struct following *following)
{
	static const char data[] = "data: ";

	following->line[following->n] = '\0';
	if (strncmp(following->line, data, strlen(data)) == 0) {
		on_event(following, following->line + strlen(data));
	}
	following->n = 0;
}

/** Takes bytes up to the end of a line. Returns their number. */
static size_t take(struct following *following, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	size_t more = end == NULL ? n : (size_t)(end - bytes);
	char *line = following->n + more >= LINE_CHARS_MAX
			     ? NULL
			     : realloc(following->line, following->n + more + 1);

	if (line == NULL) {
		following->is_strange = true;
		return n;
	}
	memcpy(line + following->n, bytes, more);
	following->line = line;
	following->n += more;
	if (end != NULL) {
		on_line(following);
		more++;
	}
	return more;
}

/** Whether the reader of stdout is gone; noticed even if nothing is written for a long time. */
static bool is_unread(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLNVAL)) != 0;
}

static bool on_piece(void *owner, const char *bytes, size_t n)
{
	struct following *following = owner;
	sigset_t held;
	sigset_t before;
	size_t at = 0;

	/* SIGINT ends the program only between lines. */
	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &held, &before);
	while (at < n && !following->is_strange) {
		at += take(following, bytes + at, n - at);
	}
	following->write_errno = fflush(following->opts->out) == 0 ? 0 : errno;
	following->is_unread = following->write_errno == EPIPE || is_unread();
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return !following->is_unread && following->write_errno == 0 && !following->has_ended &&
	       !following->is_strange;
}

/* ---- the command ---- */

static void on_interrupt(int number)
{
	(void)number;
	_exit(COMMAND_OK); /* everything was flushed */
}

static int exit_code(const struct following *following, int status, json_t *json)
{
	const struct ask *ask = following->opts->ask;

	if (following->is_unread) {
		return COMMAND_OK;
	}
	if (following->write_errno != 0) {
		return command_unwritten(following->opts, following->write_errno);
	}
	if (following->has_ended) {
		return COMMAND_OK;
	}
	if (following->is_strange) {
		fprintf(ask->err, "%s: what came is no event; look whether %s and weir fit\n",
			ask->program, ask->program);
		return COMMAND_FAILED;
	}
	if (status == 200) {
		fprintf(ask->err,
			"%s: the service has ended without saying why; look into its "
			"log\n",
			ask->program);
		return COMMAND_FAILED;
	}
	return command_answer(following->opts, status, json, NULL);
}

/** Prints a hint if an event that is asked for by name comes only while the level of the log is
 * debug, and the level is another one. */
static void tell_of_debug(const struct command_opts *opts, int n, char **words)
{
	static const char filter[] = "event=";
	const struct ask_question question = {
		.method = "GET", .target = "/v1/status", .wait_s = COMMAND_WAIT_S};
	const struct log_event *event = NULL;
	const char *level;
	json_t *json = NULL;

	for (int i = 0; i < n && event == NULL; i++) {
		event = strncmp(words[i], filter, strlen(filter)) == 0
				? log_event_find(words[i] + strlen(filter))
				: NULL;
		event = event != NULL && (event->traits & LOG_EVENT_DEBUG) != 0 ? event : NULL;
	}
	if (event == NULL || ask_weir(opts->ask, &question, &json) < 0) {
		return;
	}
	level = json_string_value(json_object_get(json, "log_level"));
	if (level != NULL && strcmp(level, log_level_name(LOG_LEVEL_DEBUG)) != 0) {
		fprintf(opts->ask->err,
			"%s: %s comes only while the level of the log is debug: weirctl log "
			"debug\n",
			opts->ask->program, event->name);
	}
	json_decref(json);
}

/** Returns COMMAND_OK, or another exit code: a name is not known, which was reported. */
static int check_names(const struct command_opts *opts, int n, char **words)
{
	char filter[COMMAND_TARGET_MAX];
	int code = COMMAND_OK;

	for (int i = 0; i < n && code == COMMAND_OK; i++) {
		const char *value = strchr(words[i], '=') + 1; /* command_filters() found '=' */
		char *plain = filter;

		/* The name behind a '!' must be known, too: else nothing is left out. */
		(void)snprintf(filter, sizeof(filter), "%.*s%s", (int)(value - words[i]), words[i],
			value + (*value == '!' ? 1 : 0));
		code = command_check_names(opts, 1, &plain);
	}
	return code;
}

int events_run(const struct command_opts *opts, int n, char **words)
{
	struct following following = {.opts = opts};
	const struct sigaction interrupt = {.sa_handler = on_interrupt};
	char target[COMMAND_TARGET_MAX];
	const struct ask_question question = {.method = "GET", .target = target};
	json_t *json = NULL;
	int code = command_filters(opts, "/v1/events", n, words, target);
	int status;

	if (code == COMMAND_OK) {
		code = check_names(opts, n, words); /* with an unknown name no event would come */
	}
	if (code != COMMAND_OK) {
		return code;
	}
	for (int i = 0; i < n; i++) {
		following.wants_stats |= strcmp(words[i], "event=stats") == 0;
	}
	tell_of_debug(opts, n, words);
	(void)sigaction(SIGINT, &interrupt, NULL);
	status = ask_stream(opts->ask, &question, on_piece, &following, &json);
	free(following.line);
	return exit_code(&following, status, json);
}
