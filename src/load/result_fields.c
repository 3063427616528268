/* SPDX-License-Identifier: ISC */
#include "load/result_fields.h"

#include <stdarg.h>
#include <stdio.h>

#include "load/result.h"

void fields_refuse(const struct fields *fields, const char *name, const char *format, ...)
{
	struct fields_reader *reader = fields->reader;
	va_list args;
	int n;

	if (reader->has_failed) {
		return;
	}
	reader->has_failed = true;
	n = snprintf(reader->why, RESULT_WHY_MAX, "%s%s: ", fields->path, name);
	if (n > 0 && n < RESULT_WHY_MAX) {
		va_start(args, format);
		(void)vsnprintf(reader->why + n, RESULT_WHY_MAX - (size_t)n, format, args);
		va_end(args);
	}
}

/** A field. NULL: it is missing, which was reported; or an error was reported before, or there is
 * no object to have it. */
static const json_t *get(const struct fields *fields, const char *name)
{
	const json_t *value;

	if (fields->reader->has_failed || fields->object == NULL) {
		return NULL;
	}
	value = json_object_get(fields->object, name);
	if (value == NULL) {
		fields_refuse(fields, name,
			"missing; an older weirload, or another program, wrote this: run it again");
	}
	return value;
}

int64_t fields_signed(const struct fields *fields, const char *name)
{
	const json_t *value = get(fields, name);
	json_int_t number;

	if (value == NULL) {
		return 0;
	}
	if (!json_is_integer(value)) {
		fields_refuse(fields, name, "is no integer");
		return 0;
	}
	number = json_integer_value(value);
	if (number > FIELDS_NUMBER_MAX || number < -FIELDS_NUMBER_MAX) {
		fields_refuse(fields, name, "%" JSON_INTEGER_FORMAT " is out of range", number);
		return 0;
	}
	return number;
}

uint64_t fields_number(const struct fields *fields, const char *name)
{
	int64_t number = fields_signed(fields, name);

	if (number < 0) {
		fields_refuse(fields, name, "is negative");
		return 0;
	}
	return (uint64_t)number;
}

uint64_t fields_number_or_none(const struct fields *fields, const char *name)
{
	return json_is_null(get(fields, name)) ? 0 : fields_number(fields, name);
}

bool fields_bool(const struct fields *fields, const char *name)
{
	const json_t *value = get(fields, name);

	if (value != NULL && !json_is_boolean(value)) {
		fields_refuse(fields, name, "is neither true nor false");
	}
	return json_is_true(value);
}

const char *fields_text(const struct fields *fields, const char *name)
{
	const json_t *value = get(fields, name);

	if (value != NULL && !json_is_string(value)) {
		fields_refuse(fields, name, "is no text");
	}
	return json_is_string(value) ? json_string_value(value) : "";
}

const char *fields_text_or_none(const struct fields *fields, const char *name)
{
	return json_is_null(get(fields, name)) ? "" : fields_text(fields, name);
}

static struct fields within(const struct fields *fields, const char *name, const json_t *value)
{
	struct fields inner = {.reader = fields->reader, .object = value};

	(void)snprintf(inner.path, sizeof(inner.path), "%.60s%.30s.", fields->path, name);
	return inner;
}

struct fields fields_object(const struct fields *fields, const char *name)
{
	const json_t *value = get(fields, name);

	if (value != NULL && !json_is_object(value)) {
		fields_refuse(fields, name, "is no object");
		value = NULL;
	}
	return within(fields, name, value);
}

struct fields fields_object_or_none(const struct fields *fields, const char *name)
{
	return json_is_null(get(fields, name)) ? within(fields, name, NULL)
					       : fields_object(fields, name);
}

const json_t *fields_array(const struct fields *fields, const char *name, size_t max)
{
	const json_t *value = get(fields, name);

	if (value != NULL && !json_is_array(value)) {
		fields_refuse(fields, name, "is no array");
		return NULL;
	}
	if (json_array_size(value) > max) {
		fields_refuse(fields, name, "has more than %zu elements", max);
		return NULL;
	}
	return value;
}

struct fields fields_at(
	const struct fields *fields, const char *name, const json_t *array, size_t index)
{
	const json_t *value = json_array_get(array, index);
	char place[32];

	(void)snprintf(place, sizeof(place), "%.20s[%zu]", name, index);
	if (!json_is_object(value)) {
		fields_refuse(fields, place, "is no object");
		value = NULL;
	}
	return within(fields, place, value);
}
