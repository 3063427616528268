/* SPDX-License-Identifier: ISC */
#include "service/failure.h"

#include "base/log.h"

int start_failed(const char *what, int err, const char *remedy)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "start_failed")) {
		log_str(&line, "what", what);
		log_errno(&line, err);
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
	return err;
}
