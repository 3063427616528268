/* SPDX-License-Identifier: ISC */
/*
 * A scenario: requests to the API on a clock, from a file.
 *
 *	# a minute of trouble
 *	0s    POST /proxies {"name": "db", "listen": "localhost:5433", "upstream": "localhost:5432"}
 *	10s   POST /proxies/db/toxics {"type": "latency",
 *	          "attributes": {"latency": 500}}
 *	20.5s DELETE /proxies/db/toxics/latency_downstream
 *	21s   say it is well again
 *	30s   end
 *
 * A line that begins with a blank goes on with the one before it. Times count from the start, and
 * none is before the one above it. `end` ends weirlab; without it, weirlab runs on. A step that
 * fails ends it, too. All is read before the first step.
 */
#ifndef WEIR_LAB_SCRIPT_H
#define WEIR_LAB_SCRIPT_H

#include <stdbool.h>

#include "base/list.h"
#include "stream/timer.h"

enum { SCRIPT_ERROR_MAX = 1536 };

struct lab;

/** Zeroed: none. */
struct script {
	struct lab *lab;
	const char *path;
	struct list steps; /* struct script_step::link, the next first */
	struct timer timer;
	uint64_t begun_ns;
	bool failed; /**< a step went wrong, which was told */
};

/** Reads a file; the path is borrowed. 0, or -EINVAL and "FILE:LINE: what is wrong". */
int script_read(struct script *script, const char *path, char error[SCRIPT_ERROR_MAX]);

/** Begins. The loop stops at the end. 0 or -ENOMEM. */
int script_start(struct script *script, struct lab *lab);

/** Idempotent, also on zeroed memory. */
void script_close(struct script *script);

#endif
