/* SPDX-License-Identifier: ISC */
#include "service/conf_warnings.h"

#include <string.h>

#include "log/log.h"

void conf_warnings_log(char *lines)
{
	const size_t prefix_len = strlen(CONF_WARNINGS_PREFIX);
	struct log_line line;
	char *rest = lines;
	char *text;

	while ((text = strsep(&rest, "\n")) != NULL) {
		if (strncmp(text, CONF_WARNINGS_PREFIX, prefix_len) == 0) {
			text += prefix_len;
		}
		if (*text != '\0' && log_begin(&line, LOG_LEVEL_WARN, "config_warning")) {
			log_str(&line, "warning", text);
			log_end(&line);
		}
	}
}
