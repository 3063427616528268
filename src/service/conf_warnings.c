/* SPDX-License-Identifier: ISC */
#include "service/conf_warnings.h"

#include <string.h>

#include "base/text.h"
#include "log/log.h"

void conf_warnings_log(const char *lines)
{
	const size_t prefix_len = strlen(CONF_WARNINGS_PREFIX);
	struct log_line line;
	const char *text;
	size_t n;

	while (lines != NULL && (n = text_next_line(&lines, &text)) > 0) {
		if (strncmp(text, CONF_WARNINGS_PREFIX, prefix_len) == 0) {
			text += prefix_len;
			n -= prefix_len;
		}
		if (n > 0 && log_begin(&line, LOG_LEVEL_WARN, "config_warning")) {
			log_bytes(&line, "warning", text, n);
			log_end(&line);
		}
	}
}
