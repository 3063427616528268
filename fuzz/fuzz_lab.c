/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a body of the laboratory's API: as the JSON of a proxy, of its toxics, and of a
 * toxic. An error has a text, and the JSON that shows a toxic makes the same toxic again.
 */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "lab/answer.h"
#include "lab/fields.h"
#include "lab/toxic.h"
#include "lab/toxic_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct answer *answer)
{
	assert(*answer->error != '\0' && answer->status >= 400);
	assert(memchr(answer->error, '\0', sizeof(answer->error)) != NULL);
}

/** Makes a toxic, and makes it again from the JSON that shows it. */
static void check_toxic(json_t *json)
{
	struct answer answer = {0};
	struct toxic *toxic = toxic_json_new(json, &answer);
	struct toxic *again;
	json_t *shown;
	json_t *shown_again;

	if (toxic == NULL) {
		check_error(&answer);
		return;
	}
	if (toxic_json_update(toxic, json, &answer) < 0) {
		check_error(&answer);
	}
	shown = toxic_json_show(toxic);
	assert(shown != NULL);
	again = toxic_json_new(shown, &answer);
	assert(again != NULL);
	shown_again = toxic_json_show(again);
	assert(json_equal(shown, shown_again));
	json_decref(shown);
	json_decref(shown_again);
	toxic_free(toxic);
	toxic_free(again);
}

/** The fields of a proxy, as they are read. */
static void check_fields(json_t *json)
{
	const char *name = "";
	bool enabled = false;
	int64_t number = 0;
	double toxicity = 0;
	json_t *toxics = NULL;
	const struct field fields[] = {
		{"name", FIELD_TEXT, &name},
		{"enabled", FIELD_BOOL, &enabled},
		{"number", FIELD_INT, &number},
		{"toxicity", FIELD_NUMBER, &toxicity},
		{"toxics", FIELD_ANY, &toxics},
		{0},
	};
	char error[FIELDS_ERROR_MAX];
	size_t i;
	json_t *one;

	error[0] = '\0';
	if (fields_read(json, "toxiproxy.Proxy", fields, error) < 0) {
		assert(*error != '\0');
		return;
	}
	assert(name != NULL);
	json_array_foreach(toxics, i, one)
	{
		check_toxic(one);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[FIELDS_ERROR_MAX];
	json_t *json;

	error[0] = '\0';
	json = fields_parse((const char *)data, size, error);
	if (json == NULL) {
		assert(*error != '\0');
		return 0;
	}
	check_fields(json);
	check_toxic(json);
	json_decref(json);
	return 0;
}
