/* SPDX-License-Identifier: ISC */
#include "control/asked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "base/text.h"
#include "conf/conf.h"
#include "control/body.h"

static const char no_memory[] = "{\"error\": \"out of memory; ask again\"}\n";

/* ---- memory ---- */

/* Making an answer needs a hundred calls, any of which may fail for lack of memory. All go through
 * jansson's allocator, which sets this flag, so it is checked once, at the end. Main thread
 * only. */
static bool is_short;

static void *json_alloc(size_t size)
{
	void *memory = malloc(size);

	is_short = is_short || memory == NULL;
	return memory;
}

void control_watch_memory(void)
{
	json_set_alloc_funcs(json_alloc, free);
}

bool control_was_short(void)
{
	bool was_short = is_short;

	is_short = false;
	return was_short;
}

json_t *control_text(const char *text)
{
	json_t *json = json_string(text);
	char *utf8;

	if (json == NULL) {
		utf8 = text_copy_latin1(text);
		is_short = is_short || utf8 == NULL;
		json = json_string(utf8); /* NULL if `utf8` is NULL */
		free(utf8);
	}
	return json;
}

json_t *control_lines(const char *text)
{
	json_t *lines = json_array();
	const char *line;
	size_t n;

	while ((n = text_next_line(&text, &line)) > 0) {
		char *copy = strndup(line, n);

		is_short = is_short || copy == NULL;
		if (copy != NULL) {
			(void)json_array_append_new(lines, control_text(copy));
		}
		free(copy);
	}
	return lines;
}

json_t *control_ms(uint64_t ns)
{
	return ns == NS_NEVER ? json_null() : json_integer((json_int_t)(ns / NS_PER_MS));
}

json_t *control_named(const char *name, json_t *rest)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "name", control_text(name));
	(void)json_object_update(json, rest);
	json_decref(rest);
	return json;
}

void control_asked_free(struct control_asked *asked)
{
	list_remove(&asked->link);
	control_request_forget(&asked->request);
	loop_cancel(asked->loop, &asked->list.task);
	if (asked->forget != NULL) {
		asked->forget(asked);
	}
	conf_unref(asked->list.conf);
	bytes_free(&asked->list.text);
	free(asked);
}

/* ---- answers ---- */

static void answer_exchange(
	struct http_exchange *exchange, unsigned int status, const char *fields, const json_t *json)
{
	struct http_reply reply = {.status = status, .type = CONTROL_JSON, .fields = fields};
	char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	size_t n = text == NULL ? 0 : strlen(text);

	if (control_was_short() || text == NULL) {
		free(text);
		reply.status = 503;
		reply.fields = NULL;
		http_exchange_answer(exchange, &reply, no_memory, sizeof(no_memory) - 1);
		return;
	}
	text[n] = '\n'; /* replaces the NUL */
	http_exchange_answer(exchange, &reply, text, n + 1);
	free(text);
}

void control_answer(struct control_asked *asked, unsigned int status, json_t *json)
{
	struct http_exchange *exchange = asked->exchange;

	control_asked_free(asked);
	answer_exchange(exchange, status, NULL, json);
	json_decref(json);
}

void control_refuse_exchange(
	struct http_exchange *exchange, unsigned int status, const char *fields, const char *text)
{
	json_t *json = json_pack("{so}", "error", control_text(text));

	answer_exchange(exchange, status, fields, json);
	json_decref(json);
}

void control_refuse(struct control_asked *asked, unsigned int status, const char *format, ...)
{
	struct http_exchange *exchange = asked->exchange;
	char text[CONTROL_TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	control_asked_free(asked);
	control_refuse_exchange(exchange, status, NULL, text);
}

/* ---- bodies ---- */

json_t *control_body(struct control_asked *asked, const char *const *members)
{
	char why[BODY_WHY_MAX];
	json_t *json = body_read(asked->exchange->body, asked->exchange->n_body, members, why);

	if (json == NULL && *why == '\0') {
		control_refuse(asked, 503, "out of memory; ask again");
	} else if (json == NULL) {
		control_refuse(asked, 400, "%s", why);
	}
	return json;
}

/* ---- lists ---- */

static void go_on_counted(struct control_asked *asked)
{
	struct buckets *slices = asked->slices;
	struct slice slice;

	slice_begin(&slice);
	control_list_go_on(asked);
	slice_end(&slice, slices);
}

static void on_slice(struct task *task)
{
	go_on_counted(container_of(task, struct control_asked, list.task));
}

static void on_ready(struct http_exchange *exchange)
{
	go_on_counted(exchange->data);
}

void control_list_end(struct control_asked *asked, const char *behind)
{
	struct http_exchange *exchange = asked->exchange;
	struct bytes *text = &asked->list.text;

	bytes_add_text(text, behind);
	if (text->failed) {
		control_list_abort(asked);
		return;
	}
	(void)http_exchange_part(exchange, text->at, text->n);
	control_asked_free(asked);
	http_exchange_end(exchange);
}

void control_list_abort(struct control_asked *asked)
{
	struct http_exchange *exchange = asked->exchange;

	control_asked_free(asked);
	http_exchange_abort(exchange);
}

static int on_json(const char *text, size_t n, void *owner)
{
	bytes_add(owner, text, n);
	return 0;
}

/** Writes JSON, which is taken; `without_end`: without its last bracket. */
static void add_json(struct control_asked *asked, json_t *json, bool without_end)
{
	struct bytes *text = &asked->list.text;

	if (json_dump_callback(json, on_json, text, JSON_COMPACT | JSON_ENSURE_ASCII) < 0 ||
		control_was_short()) {
		text->failed = true;
	} else if (without_end && !text->failed) {
		text->n--;
	}
	json_decref(json);
}

static void add_separator(struct control_asked *asked)
{
	bytes_add_text(&asked->list.text, asked->list.more ? ",\n" : "\n");
	asked->list.more = true;
}

void control_list_item(struct control_asked *asked, json_t *item)
{
	add_separator(asked);
	add_json(asked, item, false);
}

void control_list_open(struct control_asked *asked, json_t *item, const char *name)
{
	struct bytes *text = &asked->list.text;

	add_separator(asked);
	add_json(asked, item, true);
	bytes_add_text(text, ",\"");
	bytes_add_text(text, name);
	bytes_add_text(text, "\":[");
	asked->list.more = false;
}

void control_list_close(struct control_asked *asked)
{
	bytes_add_text(&asked->list.text, "\n]}");
	asked->list.more = true;
}

bool control_list_send(struct control_asked *asked)
{
	struct bytes *text = &asked->list.text;
	size_t n = text->n;

	if (text->failed) {
		control_list_abort(asked);
		return false;
	}
	text->n = 0;
	return http_exchange_part(asked->exchange, text->at, n);
}

void control_list_go_on(struct control_asked *asked)
{
	struct slice slice;
	bool more;

	slice_begin(&slice);
	do {
		more = asked->list.next(asked);
	} while (more && !slice_is_over(&slice));
	if (!more) {
		asked->list.written(asked);
	} else if (control_list_send(asked)) {
		loop_next(asked->loop, &asked->list.task);
	}
}

void control_list_begin(struct control_asked *asked, const char *type, const char *before)
{
	struct http_reply reply = {.status = 200, .type = type};

	task_init(&asked->list.task, on_slice);
	asked->exchange->ready = on_ready;
	http_exchange_begin(asked->exchange, &reply);
	bytes_add_text(&asked->list.text, before);
}

static void on_all_written(struct control_asked *asked)
{
	control_list_end(asked, "\n]}\n");
}

void control_answer_list(struct control_asked *asked, const char *name)
{
	char before[64];

	(void)snprintf(before, sizeof(before), "{\"%s\": [", name);
	asked->list.written = on_all_written;
	control_list_begin(asked, CONTROL_JSON, before);
	control_list_go_on(asked);
}
