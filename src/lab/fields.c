/* SPDX-License-Identifier: ISC */
#include "lab/fields.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_short(const json_error_t *why)
{
	return json_error_code(why) == json_error_premature_end_of_input;
}

json_t *fields_parse(const char *text, size_t n, char error[FIELDS_ERROR_MAX])
{
	json_error_t why;
	json_t *value;
	size_t blanks = 0;

	while (blanks < n && isspace((unsigned char)text[blanks])) {
		blanks++;
	}
	if (blanks == n) {
		(void)snprintf(error, FIELDS_ERROR_MAX, "EOF");
		return NULL;
	}
	value = json_loadb(text, n, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
	if (value == NULL && is_short(&why)) {
		(void)snprintf(error, FIELDS_ERROR_MAX, "unexpected EOF");
	} else if (value == NULL) {
		(void)snprintf(error, FIELDS_ERROR_MAX, "%s, at byte %d", why.text, why.position);
	}
	return value;
}

json_t *fields_parse_all(
	const char *text, size_t n, unsigned *ret_line, char error[FIELDS_ERROR_MAX])
{
	json_error_t why;
	json_t *value = json_loadb(text, n, JSON_DECODE_ANY, &why);

	if (value == NULL) {
		(void)snprintf(error, FIELDS_ERROR_MAX, "%s",
			is_short(&why) ? "unexpected EOF" : why.text);
		*ret_line = (unsigned)why.line;
	}
	return value;
}

const char *fields_wrong_name(const char *name)
{
	if (strlen(name) > FIELDS_NAME_MAX) {
		return "it is longer than 1024 bytes, and no path could name it; write a shorter "
		       "one";
	}
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return "'.' and '..' cannot be in a path; write another one";
	}
	return NULL;
}

const char *fields_kind_text(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	default:
		return "null";
	}
}

static const char *type_text(enum field_kind kind)
{
	static const char *const texts[] = {
		[FIELD_TEXT] = "string",
		[FIELD_BOOL] = "bool",
		[FIELD_NUMBER] = "float32",
		[FIELD_INT] = "int64",
	};

	return texts[kind];
}

/** Sets a field if the value is of its kind. Returns whether it is. */
static bool set(const struct field *field, json_t *value)
{
	switch (field->kind) {
	case FIELD_TEXT:
		if (json_is_string(value)) {
			*(const char **)field->to = json_string_value(value);
			return true;
		}
		return false;
	case FIELD_BOOL:
		if (json_is_boolean(value)) {
			*(bool *)field->to = json_is_true(value);
			return true;
		}
		return false;
	case FIELD_NUMBER:
		if (json_is_number(value) && fabs(json_number_value(value)) <= (double)FLT_MAX) {
			*(double *)field->to = json_number_value(value);
			return true;
		}
		return false;
	case FIELD_INT:
		if (json_is_integer(value)) {
			*(int64_t *)field->to = json_integer_value(value);
			return true;
		}
		return false;
	default:
		*(json_t **)field->to = value;
		return true;
	}
}

static const struct field *find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcasecmp(fields->name, name) == 0) {
			return fields;
		}
	}
	return NULL;
}

int fields_read(
	json_t *object, const char *type, const struct field *fields, char error[FIELDS_ERROR_MAX])
{
	const char *dot = strchr(type, '.');
	const char *name;
	json_t *value;

	if (json_is_null(object)) {
		return 0;
	}
	if (!json_is_object(object)) {
		(void)snprintf(error, FIELDS_ERROR_MAX,
			"json: cannot unmarshal %s into Go value of type %s",
			fields_kind_text(object), type);
		return -EINVAL;
	}
	json_object_foreach(object, name, value)
	{
		const struct field *field = find(fields, name);

		if (field == NULL || json_is_null(value) || set(field, value)) {
			continue;
		}
		(void)snprintf(error, FIELDS_ERROR_MAX,
			"json: cannot unmarshal %s into Go struct field %s.%s of type %s",
			fields_kind_text(value), dot == NULL ? "" : dot + 1, field->name,
			type_text(field->kind));
		return -EINVAL;
	}
	return 0;
}
