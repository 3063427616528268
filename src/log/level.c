/* SPDX-License-Identifier: ISC */
#include "log/level.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

enum { N_LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

const char *log_level_name(enum log_level level)
{
	assert((unsigned int)level < N_LEVELS);
	return level_names[level];
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
	for (unsigned int i = 0; i < N_LEVELS; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}
