/* SPDX-License-Identifier: ISC */
#include "lab/toxic_json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lab/answer.h"
#include "lab/fields.h"
#include "lab/toxic.h"
#include "lab/toxic_types.h"

enum { STATUS_WRONG = 400, STATUS_ERROR = 500, NAME_TEXT_MAX = 128 };

/* ---- attributes ---- */

static const struct attribute *find(const struct toxic_type *type, const char *name)
{
	for (const struct attribute *one = type->attributes; one->name != NULL; one++) {
		if ((type->is_own ? strcmp : strcasecmp)(one->name, name) == 0) {
			return one;
		}
	}
	return NULL;
}

/** "after_ms, after_bytes and for_ms", for an error. */
static void list_attributes(const struct toxic_type *type, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (const struct attribute *one = type->attributes; one->name != NULL && n < size; one++) {
		n += (size_t)snprintf(text + n, size - n, "%s%s",
			one == type->attributes ? "" : (one[1].name == NULL ? " and " : ", "),
			one->name);
	}
}

static int read_choice(const struct toxic_type *type, const struct attribute *attribute,
	const json_t *value, int64_t *ret, struct answer *answer)
{
	char choices[ANSWER_ERROR_MAX / 2] = "";
	size_t n = 0;

	for (size_t i = 0; attribute->choices[i] != NULL; i++) {
		if (json_is_string(value) &&
			strcmp(json_string_value(value), attribute->choices[i]) == 0) {
			*ret = (int64_t)i;
			return 0;
		}
		n += (size_t)snprintf(choices + n, sizeof(choices) - n, "%s\"%s\"",
			i == 0 ? "" : " or ", attribute->choices[i]);
	}
	return answer_refuse(answer, STATUS_WRONG,
		"bad request body: attribute %s of %s: write %s%s%s", attribute->name, type->name,
		choices, attribute->why == NULL ? "" : ", ",
		attribute->why == NULL ? "" : attribute->why);
}

static int read_own(const struct toxic_type *type, const struct attribute *attribute,
	const json_t *value, int64_t *ret, struct answer *answer)
{
	json_int_t number = json_integer_value(value);

	if (attribute->choices != NULL) {
		return read_choice(type, attribute, value, ret, answer);
	}
	if (!json_is_integer(value) || number < attribute->min || number > attribute->max) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: attribute %s of %s: write a whole number from %lld to "
			"%lld",
			attribute->name, type->name, (long long)attribute->min,
			(long long)attribute->max);
	}
	*ret = number;
	return 0;
}

static int read_attribute(const struct toxic_type *type, const char *name, const json_t *value,
	int64_t *values, struct answer *answer)
{
	const struct attribute *attribute = find(type, name);
	char known[ANSWER_ERROR_MAX / 2];

	if (attribute == NULL && type->is_own) {
		list_attributes(type, known, sizeof(known));
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: unknown attribute %s of %s; it has %s", name, type->name,
			known);
	}
	if (attribute == NULL || json_is_null(value)) {
		return 0;
	}
	if (type->is_own) {
		return read_own(
			type, attribute, value, &values[attribute - type->attributes], answer);
	}
	if (!json_is_integer(value)) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: json: cannot unmarshal %s into Go struct field "
			".attributes.%s of type int64",
			fields_kind_text(value), attribute->name);
	}
	values[attribute - type->attributes] = json_integer_value(value);
	return 0;
}

static int read_attributes(
	const struct toxic_type *type, json_t *attributes, int64_t *values, struct answer *answer)
{
	const char *name;
	json_t *value;

	if (attributes == NULL || json_is_null(attributes)) {
		return 0;
	}
	if (!json_is_object(attributes)) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: json: cannot unmarshal %s into Go struct field "
			".attributes of type object",
			fields_kind_text(attributes));
	}
	json_object_foreach(attributes, name, value)
	{
		int r = read_attribute(type, name, value, values, answer);

		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* ---- toxics ---- */

static int check_toxicity(const struct toxic_type *type, double toxicity, struct answer *answer)
{
	if (type->is_own && (toxicity < 0 || toxicity > 1)) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: toxicity of %s: write a number from 0 to 1", type->name);
	}
	return 0;
}

/** As toxiproxy's ParseDirection(): in upper or lower case. DIRECTIONS: it is none. */
static enum direction direction_of(const char *stream)
{
	enum direction direction = UPSTREAM;

	while (direction < DIRECTIONS && strcasecmp(stream, direction_text(direction)) != 0) {
		direction++;
	}
	return direction;
}

/** The default name has the stream as it was written, as in toxiproxy. */
static struct toxic *make(const struct toxic_type *type, const char *name, const char *stream,
	double toxicity, struct answer *answer)
{
	char text[NAME_TEXT_MAX];
	const char *why = fields_wrong_name(name);
	struct toxic *toxic;

	if (why != NULL) {
		(void)answer_refuse(answer, STATUS_WRONG, "bad request body: name: %s", why);
		return NULL;
	}
	if (*name == '\0') {
		(void)snprintf(text, sizeof(text), "%s_%s", type->name, stream);
		name = text;
	}
	toxic = toxic_new(type, name, direction_of(stream), toxicity);
	if (toxic == NULL) {
		(void)answer_refuse(answer, STATUS_ERROR, "out of memory");
		return NULL;
	}
	(void)snprintf(toxic->stream, sizeof(toxic->stream), "%s", stream);
	return toxic;
}

struct toxic *toxic_json_new(json_t *json, struct answer *answer)
{
	const char *name = "";
	const char *type_name = "";
	const char *stream = "downstream";
	double toxicity = 1;
	json_t *attributes = NULL;
	const struct field fields[] = {
		{"name", FIELD_TEXT, &name},
		{"type", FIELD_TEXT, &type_name},
		{"stream", FIELD_TEXT, &stream},
		{"toxicity", FIELD_NUMBER, &toxicity},
		{"attributes", FIELD_ANY, &attributes},
		{0},
	};
	char error[FIELDS_ERROR_MAX];
	const struct toxic_type *type;
	struct toxic *toxic;

	if (fields_read(json, "toxics.ToxicWrapper", fields, error) < 0) {
		(void)answer_refuse(answer, STATUS_WRONG, "bad request body: %s", error);
		return NULL;
	}
	if (direction_of(stream) == DIRECTIONS) {
		(void)answer_refuse(answer, STATUS_WRONG,
			"stream was invalid, can be either upstream or downstream");
		return NULL;
	}
	type = toxic_type_find(type_name);
	if (type == NULL) {
		(void)answer_refuse(answer, STATUS_WRONG, "invalid toxic type");
		return NULL;
	}
	if (check_toxicity(type, toxicity, answer) < 0) {
		return NULL;
	}
	toxic = make(type, name, stream, toxicity, answer);
	if (toxic != NULL && read_attributes(type, attributes, toxic->values, answer) < 0) {
		return toxic_free(toxic);
	}
	return toxic;
}

/** The Go type of a request that changes a toxic, as toxiproxy writes it in errors. */
static const char update_type[] =
	"struct { Attributes interface {} \"json:\\\"attributes\\\"\"; Toxicity float32 "
	"\"json:\\\"toxicity\\\"\" }";

int toxic_json_update(struct toxic *toxic, json_t *json, struct answer *answer)
{
	double toxicity = toxic->toxicity;
	json_t *attributes = NULL;
	const struct field fields[] = {
		{"toxicity", FIELD_NUMBER, &toxicity},
		{"attributes", FIELD_ANY, &attributes},
		{0},
	};
	char error[FIELDS_ERROR_MAX];
	int64_t values[TOXIC_ATTRIBUTES_MAX];

	memcpy(values, toxic->values, sizeof(values));
	if (fields_read(json, update_type, fields, error) < 0) {
		return answer_refuse(answer, STATUS_WRONG, "bad request body: %s", error);
	}
	if (check_toxicity(toxic->type, toxicity, answer) < 0 ||
		read_attributes(toxic->type, attributes, values, answer) < 0) {
		return -EINVAL;
	}
	memcpy(toxic->values, values, sizeof(values));
	toxic->toxicity = toxicity;
	return 0;
}

static json_t *show_number(double number)
{
	return number == floor(number) && fabs(number) < (double)INT32_MAX
		       ? json_integer((json_int_t)number)
		       : json_real(number);
}

json_t *toxic_json_show(const struct toxic *toxic)
{
	json_t *attributes = json_object();

	for (size_t i = 0; toxic->type->attributes[i].name != NULL; i++) {
		const struct attribute *attribute = &toxic->type->attributes[i];
		int64_t value = toxic->values[i];

		attributes = answer_put(attributes, attribute->name,
			attribute->choices == NULL ? json_integer(value)
						   : json_string(attribute->choices[value]));
	}
	return json_pack("{s:o, s:s, s:s, s:s, s:o}", "attributes", attributes, "name", toxic->name,
		"type", toxic->type->name, "stream", toxic->stream, "toxicity",
		show_number(toxic->toxicity));
}
