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
