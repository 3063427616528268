/* SPDX-License-Identifier: ISC */
/*
 * A scenario: a file with requests to the API, each with its time.
 *
 *	# a minute of trouble
 *	0s    POST /proxies {"name": "db", "listen": "localhost:5433", "upstream": "localhost:5432"}
 *	10s   POST /proxies/db/toxics {"type": "latency",
 *	          "attributes": {"latency": 500}}
 *	20.5s DELETE /proxies/db/toxics/latency_downstream
 *	21s   say it is well again
 *	30s   end
 *
 * A line that begins with a blank continues the line before it. Times count from the start and must
 * not decrease. `end` ends weirlab; without it weirlab goes on. A step that fails ends weirlab too.
 * The whole file is read before the first step.
 */
#ifndef WEIR_LAB_SCRIPT_H
#define WEIR_LAB_SCRIPT_H

#include <stdbool.h>

#include "base/list.h"
#include "stream/timer.h"

enum { SCRIPT_ERROR_MAX = 1536 };

struct lab;

/** Zeroed: no scenario. */
struct script {
	struct lab *lab;
	const char *path;
	struct list steps; /* struct script_step::link, the next first */
	struct timer timer;
	uint64_t begun_ns;
	bool failed; /**< a step failed, and that was reported */
};

/** Reads a file; the path is borrowed. 0, or -EINVAL and `error`: "FILE:LINE: what is wrong", or
 * "FILE: why" if it cannot be read. The caller calls script_close() in any case. */
int script_read(struct script *script, const char *path, char error[SCRIPT_ERROR_MAX]);

/** Begins. Stops the loop at `end`, or when a step fails. 0 or -ENOMEM. */
int script_start(struct script *script, struct lab *lab);

/** Idempotent, also on zeroed memory. */
void script_close(struct script *script);

#endif
