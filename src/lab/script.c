/* SPDX-License-Identifier: ISC */
#include "lab/script.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "lab/answer.h"
#include "lab/api.h"
#include "lab/fields.h"
#include "lab/lab.h"
#include "lab/say.h"
#include "lab/text_file.h"
#include "proto/http_target.h"
#include "stream/loop.h"

enum { STATUS_WRONG = 400 };

enum step_kind { STEP_REQUEST, STEP_SAY, STEP_END };

struct script_step {
	struct list link; /* struct script::steps */
	uint64_t at_ns;
	unsigned line;
	enum step_kind kind;
	enum http_verb verb;
	char *path; /**< points into `text` */
	char *body; /**< points into `text`: the body of a request, or the text of `say` */
	char text[];
};

__attribute__((format(printf, 4, 5))) static int wrong(
	char error[SCRIPT_ERROR_MAX], const char *path, unsigned line, const char *format, ...)
{
	int n = snprintf(error, SCRIPT_ERROR_MAX, "%s:%u: ", path, line);
	va_list args;

	va_start(args, format);
	if (n >= 0 && n < SCRIPT_ERROR_MAX) {
		(void)vsnprintf(error + n, SCRIPT_ERROR_MAX - (size_t)n, format, args);
	}
	va_end(args);
	return -EINVAL;
}

/* ---- reading ---- */

static char *skip_blanks(char *text, unsigned *line)
{
	for (; *text != '\0' && strchr(" \t\n", *text) != NULL; text++) {
		*line += *text == '\n';
	}
	return text;
}

/** Cuts off the first word, which is in this line. Returns what follows it, and its line. */
static char *cut_word(char *text, unsigned *line)
{
	char *end = text + strcspn(text, " \t\n");

	text = skip_blanks(end, line);
	*end = '\0';
	return text;
}

static int read_verb(const char *word, enum http_verb *ret)
{
	for (enum http_verb verb = HTTP_VERB_GET; verb < HTTP_VERB_OTHER; verb++) {
		if (strcmp(http_verb_name(verb), word) == 0) {
			*ret = verb;
			return 0;
		}
	}
	return -EINVAL;
}

/** Checks that a body, if there is one, can be parsed; it begins in this line. */
static int check_body(
	const char *body, const char *path, unsigned line, char error[SCRIPT_ERROR_MAX])
{
	char json_error[FIELDS_ERROR_MAX];
	unsigned json_line = 1;
	json_t *json;

	if (*body == '\0') {
		return 0;
	}
	json = fields_parse_all(body, strlen(body), &json_line, json_error);
	if (json == NULL) {
		return wrong(
			error, path, line + json_line - 1, "the JSON is wrong: %s", json_error);
	}
	json_decref(json);
	return 0;
}

/** Checks that the API has the path with this method. */
static int check_path(const struct script_step *step, const char *path, unsigned line,
	char error[SCRIPT_ERROR_MAX])
{
	static struct http_target target; /* static because of its 8 KiB; only one thread uses it */
	struct span bytes = {(const uint8_t *)step->path, strlen(step->path)};
	const char *verb = http_verb_name(step->verb);
	char methods[API_METHODS_MAX];
	const char *why = NULL;

	if (*step->path != '/' || bytes.n > HTTP_TARGET_MAX) {
		return wrong(error, path, line, "%s is no path; it begins with a '/'", step->path);
	}
	if (http_target_parse(bytes, &target, &why) < 0) {
		return wrong(error, path, line, "%s: %s", step->path, why);
	}
	if (api_knows(step->verb, &target, methods)) {
		return 0;
	}
	return *methods == '\0'
		       ? wrong(error, path, line, "%s %s: the API has no such path", verb,
				 step->path)
		       : wrong(error, path, line, "%s %s: the API takes only these there: %s", verb,
				 step->path, methods);
}

/** Reads a request that begins with this word, in this line. */
static int read_request(struct script_step *step, char *word, const char *path, unsigned line,
	char error[SCRIPT_ERROR_MAX])
{
	unsigned path_line = line;
	unsigned body_line;

	step->path = cut_word(word, &path_line);
	body_line = path_line;
	step->body = cut_word(step->path, &body_line);
	if (read_verb(word, &step->verb) < 0) {
		return wrong(error, path, line,
			"%s%swrite GET, POST, PATCH or DELETE and a path, or say and a text, or "
			"end",
			*word == '\0' ? "there is no step after the time" : word,
			*word == '\0' ? "; " : ": ");
	}
	if (check_path(step, path, path_line, error) < 0) {
		return -EINVAL;
	}
	return check_body(step->body, path, body_line, error);
}

/** Reads a step; its text has all of its lines. */
static int read_step(struct script_step *step, uint64_t before_ns, const char *path,
	char error[SCRIPT_ERROR_MAX])
{
	const char *why = NULL;
	unsigned line = step->line;
	char *word = skip_blanks(step->text, &line);

	if (word != step->text) {
		return wrong(error, path, line,
			"a line that begins with a blank goes on with the one before it, and there "
			"is none");
	}
	word = cut_word(step->text, &line);
	if (parse_time(step->text, &step->at_ns, &why) < 0) {
		return wrong(error, path, step->line, "%s: %s", step->text, why);
	}
	if (step->at_ns < before_ns) {
		return wrong(error, path, step->line,
			"%s is before the step above it; times count from the start", step->text);
	}
	if (strncmp(word, "say", 3) == 0 && strchr(" \t\n", word[3]) != NULL) {
		step->kind = STEP_SAY;
		step->body = cut_word(word, &line);
		return 0;
	}
	if (strcmp(word, "end") == 0) {
		step->kind = STEP_END;
		return 0;
	}
	return read_request(step, word, path, line, error);
}

/** The end of a step that begins at `at`: after its last line. */
static const char *end_of_step(const char *at, unsigned *lines)
{
	*lines = 0;
	do {
		at += strcspn(at, "\n");
		at += *at == '\n';
		++*lines;
	} while (*at == ' ' || *at == '\t');
	return at;
}

static struct script_step *step_new(const char *from, const char *to, unsigned line)
{
	size_t n = (size_t)(to - from);
	struct script_step *step = calloc(1, sizeof(*step) + n + 1);

	if (step == NULL) {
		return NULL;
	}
	memcpy(step->text, from, n);
	while (n > 0 && isspace((unsigned char)step->text[n - 1])) {
		step->text[--n] = '\0';
	}
	step->line = line;
	return step;
}

static int read_all(struct script *script, const char *text, char error[SCRIPT_ERROR_MAX])
{
	uint64_t before_ns = 0;
	unsigned line = 1;
	unsigned lines;

	for (const char *at = text; *at != '\0'; line += lines) {
		const char *end = end_of_step(at, &lines);
		struct script_step *step;

		if (*at == '#' || strspn(at, " \t\n") >= (size_t)(end - at)) {
			at = end;
			continue;
		}
		step = step_new(at, end, line);
		if (step == NULL) {
			return wrong(error, script->path, line, "out of memory");
		}
		list_append(&script->steps, &step->link);
		if (read_step(step, before_ns, script->path, error) < 0) {
			return -EINVAL;
		}
		before_ns = step->at_ns;
		at = end;
	}
	return 0;
}

int script_read(struct script *script, const char *path, char error[SCRIPT_ERROR_MAX])
{
	size_t n = 0;
	char *text = text_file_read(path, &n);
	int r;

	*script = (struct script){.path = path};
	list_init(&script->steps);
	if (text == NULL) {
		(void)snprintf(error, SCRIPT_ERROR_MAX, "%s: %s", path, strerrordesc_np(errno));
		return -EINVAL;
	}
	r = strlen(text) < n ? wrong(error, path, 1, "the file is no text: it has a byte 0")
			     : read_all(script, text, error);
	free(text);
	return r;
}

/* ---- running ---- */

static void stop(struct script *script)
{
	(void)loop_stop(script->lab->loop);
}

/** Sends a request to the API. Returns whether it succeeded. */
static bool ask(struct script *script, const struct script_step *step)
{
	static struct http_target target; /* static because of its 8 KiB; only one thread uses it */
	struct answer answer = {0};
	struct span bytes = {(const uint8_t *)step->path, strlen(step->path)};
	const char *why = NULL;
	int r = http_target_parse(bytes, &target, &why);

	assert(r == 0); /* cannot fail, because it was checked before */
	(void)api_handle(script->lab, step->verb, &target, step->body, strlen(step->body), &answer);
	if (answer.status >= STATUS_WRONG) {
		say(SAY_ERROR, "%s:%u: %s", script->path, step->line, answer.error);
	}
	json_decref(answer.json);
	return answer.status < STATUS_WRONG;
}

static void act(struct script *script, const struct script_step *step)
{
	switch (step->kind) {
	case STEP_SAY:
		say(SAY_INFO, "%s:%u: %s", script->path, step->line, step->body);
		return;
	case STEP_END:
		stop(script);
		return;
	default:
		if (!ask(script, step)) {
			script->failed = true;
			stop(script);
		}
	}
}

static struct script_step *first(const struct script *script)
{
	return list_empty(&script->steps)
		       ? NULL
		       : container_of(script->steps.next, struct script_step, link);
}

/** Runs all steps whose time has come. */
static void on_time(struct timer *timer)
{
	struct script *script = container_of(timer, struct script, timer);
	struct script_step *step;

	while ((step = first(script)) != NULL && !script->failed) {
		uint64_t at_ns = clock_after(script->begun_ns, step->at_ns);

		if (at_ns > clock_ns()) {
			(void)timer_arm(timer, at_ns);
			return;
		}
		list_remove(&step->link);
		act(script, step);
		free(step);
	}
}

int script_start(struct script *script, struct lab *lab)
{
	int r = timer_open(&script->timer, lab->loop, on_time);

	script->lab = lab;
	script->begun_ns = clock_ns();
	return r < 0 ? r : timer_arm(&script->timer, script->begun_ns);
}

void script_close(struct script *script)
{
	struct script_step *step;

	if (script->path == NULL) {
		return;
	}
	timer_close(&script->timer);
	while ((step = first(script)) != NULL) {
		list_remove(&step->link);
		free(step);
	}
	script->path = NULL;
}
