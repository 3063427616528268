/* SPDX-License-Identifier: ISC */
#include "control/body.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "control/words.h"

enum { LIST_MAX = 64 /* longer than any list of known names */, OTHER_MAX = 160 };

static bool is_member(const char *name, const char *const *members)
{
	for (; *members != NULL; members++) {
		if (strcmp(name, *members) == 0) {
			return true;
		}
	}
	return false;
}

/** The first member that is not one of these; NULL: there is none. */
static const char *find_other(json_t *json, const char *const *members)
{
	const char *name;
	json_t *value;

	json_object_foreach(json, name, value)
	{
		if (!is_member(name, members)) {
			return name;
		}
	}
	return NULL;
}

static void tell_other(const char *other, const char *const *members, char why[BODY_WHY_MAX])
{
	char known[LIST_MAX];

	(void)snprintf(why, BODY_WHY_MAX,
		"the body has \"%.*s\", which is not known here; %s%s; see weir-http(7)", OTHER_MAX,
		other, *members == NULL ? "leave it empty" : "known are ",
		words_list(members, known, sizeof(known)));
}

json_t *body_read(const char *bytes, size_t n, const char *const *members, char why[BODY_WHY_MAX])
{
	json_error_t error;
	json_t *json;
	const char *other;

	*why = '\0';
	if (n == 0) {
		return json_object();
	}
	json = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(json)) {
		(void)snprintf(why, BODY_WHY_MAX, "the body must be a JSON object: %s, line %d",
			json == NULL ? error.text : "it is something else",
			json == NULL ? error.line : 1);
		json_decref(json);
		return NULL;
	}
	other = find_other(json, members);
	if (other != NULL) {
		tell_other(other, members, why);
		json_decref(json);
		return NULL;
	}
	return json;
}
