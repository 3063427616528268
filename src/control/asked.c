/* SPDX-License-Identifier: ISC */
#include "control/asked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"

static const char media_type[] = "application/json";
static const char no_memory[] = "{\"error\": \"out of memory; ask again\"}\n";

json_t *control_text(const char *text)
{
	json_t *json = json_string(text);
	char *utf8;

	if (json == NULL) {
		utf8 = text_copy_latin1(text);
		json = json_string(utf8); /* NULL of NULL */
		free(utf8);
	}
	return json;
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
	free(asked);
}

/* ---- answers ---- */

static void answer_exchange(
	struct http_exchange *exchange, unsigned int status, const char *fields, const json_t *json)
{
	struct http_reply reply = {.status = status, .type = media_type, .fields = fields};
	char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	size_t n = text == NULL ? 0 : strlen(text);

	if (text == NULL) {
		reply.status = 503;
		http_exchange_answer(exchange, &reply, no_memory, sizeof(no_memory) - 1);
		return;
	}
	text[n] = '\n'; /* in the place of its NUL */
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

static bool is_member(const char *name, const char *const *members)
{
	for (; *members != NULL; members++) {
		if (strcmp(name, *members) == 0) {
			return true;
		}
	}
	return false;
}

json_t *control_body(struct control_asked *asked, const char *const *members)
{
	const struct http_exchange *exchange = asked->exchange;
	json_error_t error;
	json_t *json;
	const char *name;
	json_t *value;

	if (exchange->n_body == 0) {
		return json_object(); /* NULL is the next one's to find */
	}
	json = json_loadb(exchange->body, exchange->n_body, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(json)) {
		control_refuse(asked, 400, "the body must be a JSON object: %s, line %d",
			json == NULL ? error.text : "it is something else",
			json == NULL ? error.line : 1);
		json_decref(json);
		return NULL;
	}
	json_object_foreach(json, name, value)
	{
		if (!is_member(name, members)) {
			control_refuse(asked, 400,
				"the body has \"%s\", which is not known here; see weir-http(7)",
				name);
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

/* ---- lists ---- */

static void on_slice(struct task *task)
{
	control_list_go_on(container_of(task, struct control_asked, list.task));
}

static void on_ready(struct http_exchange *exchange)
{
	control_list_go_on(exchange->data);
}

void control_list_end(struct control_asked *asked, const char *behind)
{
	struct http_exchange *exchange = asked->exchange;

	(void)http_exchange_part(exchange, behind, strlen(behind));
	control_asked_free(asked);
	http_exchange_end(exchange);
}

void control_list_abort(struct control_asked *asked)
{
	struct http_exchange *exchange = asked->exchange;

	control_asked_free(asked);
	http_exchange_abort(exchange);
}

/** Sends an item; whether there is room for more. -1: no memory, and it was cut off. */
static int list_send(struct control_asked *asked, json_t *item)
{
	char *text = json_dumps(item, JSON_COMPACT | JSON_ENSURE_ASCII);
	char *line = NULL;
	int n = text == NULL ? -1 : asprintf(&line, "%s\n%s", asked->list.more ? "," : "", text);
	bool goes_on;

	free(text);
	json_decref(item);
	if (n < 0) {
		control_list_abort(asked);
		return -1;
	}
	asked->list.more = true;
	goes_on = http_exchange_part(asked->exchange, line, (size_t)n);
	free(line);
	return goes_on ? 1 : 0;
}

void control_list_go_on(struct control_asked *asked)
{
	for (unsigned i = 0; i < CONTROL_LIST_SLICE; i++) {
		json_t *item = asked->list.next(asked);

		if (item == NULL) {
			asked->list.sent(asked);
			return;
		}
		if (list_send(asked, item) <= 0) {
			return; /* on_ready() goes on, or nobody does */
		}
	}
	loop_next(asked->loop, &asked->list.task);
}

void control_list_begin(struct control_asked *asked, const char *name)
{
	struct http_reply reply = {.status = 200, .type = media_type};
	char begin[64];
	int n = snprintf(begin, sizeof(begin), "{\"%s\": [", name);

	task_init(&asked->list.task, on_slice);
	asked->exchange->ready = on_ready;
	http_exchange_begin(asked->exchange, &reply);
	(void)http_exchange_part(asked->exchange, begin, (size_t)n); /* the first: there is room */
}

static void on_all_sent(struct control_asked *asked)
{
	control_list_end(asked, "\n]}\n");
}

void control_answer_list(struct control_asked *asked, const char *name)
{
	asked->list.sent = on_all_sent;
	control_list_begin(asked, name);
	control_list_go_on(asked);
}
