/* SPDX-License-Identifier: ISC */
#include "lab/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { STATUS_ERROR = 500 };

int answer_refuse(struct answer *answer, unsigned int status, const char *format, ...)
{
	va_list args;

	json_decref(answer->json);
	answer->json = NULL;
	answer->status = status;
	va_start(args, format);
	(void)vsnprintf(answer->error, sizeof(answer->error), format, args);
	va_end(args);
	return -EINVAL;
}

void answer_give(struct answer *answer, unsigned int status, json_t *json)
{
	if (json == NULL) {
		(void)answer_refuse(answer, STATUS_ERROR, "out of memory");
		return;
	}
	json_decref(answer->json);
	answer->status = status;
	answer->json = json;
}

json_t *answer_put(json_t *all, const char *name, json_t *value)
{
	int r = name == NULL ? json_array_append_new(all, value)
			     : json_object_set_new(all, name, value);

	if (r < 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}
