/* SPDX-License-Identifier: ISC */
/* Makes an event from a log line: its fields as JSON, with texts as strings and numbers as
 * numbers. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "control/asked.h"
#include "control/events.h"
#include "log/fields.h"
#include "log/level.h"
#include "log/queue.h"

enum { REAL_DIGITS = 15 /* the digits that a double always has */ };

const char *events_time(uint64_t time_ns, char text[EVENTS_TIME_MAX])
{
	time_t second = (time_t)(time_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	text[0] = '\0';
	if (gmtime_r(&second, &tm) != NULL) {
		n = strftime(text, EVENTS_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
		(void)snprintf(text + n, EVENTS_TIME_MAX - n, ".%03uZ",
			(unsigned int)(time_ns % NS_PER_S / NS_PER_MS));
	}
	return text;
}

uint64_t events_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* Linux always has this clock */
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/** Bytes as a JSON string. If they are not valid UTF-8, all of them are read as Latin-1. */
static json_t *text_json(const char *bytes, size_t n)
{
	json_t *json = json_stringn(bytes, n);
	char utf8[LOG_LINE_MAX * TEXT_LATIN1_MAX];
	size_t len = 0;

	for (size_t i = 0; json == NULL && i < n; i++) {
		len += text_from_latin1(bytes[i], utf8 + len);
	}
	return json == NULL ? json_stringn(utf8, len) : json;
}

static json_t *value_json(const struct log_field *field)
{
	char bytes[LOG_LINE_MAX + 1];
	size_t n = log_field_bytes(field, bytes);

	if (field->is_quoted || !log_is_number(bytes, n)) {
		return text_json(bytes, n);
	}
	bytes[n] = '\0';
	return memchr(bytes, '.', n) == NULL ? json_integer(strtoll(bytes, NULL, 10))
					     : json_real(strtod(bytes, NULL));
}

static json_t *record_json(const struct log_record *record, const char *text)
{
	char time[EVENTS_TIME_MAX];
	json_t *json = json_pack("{ss, ss}", "time", events_time(record->time_ns, time), "level",
		log_level_name((enum log_level)record->level));
	const char *end = text + record->len;
	struct log_field field;

	while (log_field_next(&text, end, &field)) {
		char key[LOG_LINE_MAX];

		memcpy(key, field.key, field.key_len);
		key[field.key_len] = '\0';
		(void)json_object_set_new(json, key, value_json(&field));
	}
	return json;
}

void events_frame_free(struct events_frame *frame)
{
	free(frame->text);
	free(frame->event);
	free(frame->listener);
	*frame = (struct events_frame){0};
}

bool events_record_frame(const struct log_record *record, const char *text, time_t opened_at,
	uint64_t number, struct events_frame *ret_frame)
{
	json_t *json = record_json(record, text);
	char *data = json_dumps(
		json, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(REAL_DIGITS));
	const char *event = json_string_value(json_object_get(json, "event"));
	const char *listener = json_string_value(json_object_get(json, "listener"));
	struct events_frame frame = {0};
	int n = -1;

	if (!control_was_short() && data != NULL && event != NULL) {
		frame.event = strdup(event);
		frame.listener = listener == NULL ? NULL : strdup(listener);
		n = asprintf(&frame.text, "id: %" PRIxMAX "-%" PRIu64 "\nevent: %s\ndata: %s\n\n",
			(uintmax_t)opened_at, number, event, data);
	}
	free(data);
	if (n < 0 || frame.event == NULL || (listener != NULL && frame.listener == NULL)) {
		frame.text = n < 0 ? NULL : frame.text;
		events_frame_free(&frame);
		json_decref(json);
		return false;
	}
	json_decref(json);
	frame.n = (size_t)n;
	*ret_frame = frame;
	return true;
}
