/* SPDX-License-Identifier: ISC */
#include "service/stall_warning.h"

#include <stddef.h>

#include "conf/conf.h"
#include "log/log.h"

void stall_warning(const struct conf *conf)
{
	const struct conf_listener *first = NULL;
	struct log_line line;
	uint64_t n = 0;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->timeouts.write_stall_ns < STALL_LEAST_MS * (uint64_t)NS_PER_MS) {
			first = first == NULL ? listener : first;
			n++;
		}
	}
	if (first != NULL && log_begin(&line, LOG_LEVEL_WARN, "write_stall_short")) {
		log_str(&line, "listener", first->name);
		log_u64(&line, "listeners", n);
		log_str(&line, "remedy",
			"slow but steady receivers will be reset, because kernels tell in steps "
			"what they take; write at least write_stall = \"1s\"");
		log_end(&line);
	}
}
