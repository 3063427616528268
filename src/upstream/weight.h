/* SPDX-License-Identifier: ISC */
/*
 * What share of the new pairs a server gets now: its weight in the config or set by an
 * administrator, if no state forbids new pairs; and only a part of it while the server starts
 * slowly. The main thread.
 *
 * A server that comes up again gets its weight in WEIGHT_STEPS equal steps over slow_start: a tenth
 * at once, all of it in the last tenth of the time. A server that is there when weir starts, or
 * that a config adds, has no slow start, since it is needed at once.
 */
#ifndef WEIR_UPSTREAM_WEIGHT_H
#define WEIR_UPSTREAM_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/server.h"

enum {
	WEIGHT_STEPS = 10,
	/** If all weights of the choices sum to more, parts of a weight are rounded up. */
	WEIGHT_SUM_FINE = 16384,
};

/** Its weight after the slow start; 0: it is not usable, even without an ejection. */
uint32_t weight_of(const struct member *member);

/** The step of the slow start: the server has step / WEIGHT_STEPS of that weight now. */
uint32_t weight_step(const struct member *member, uint64_t slow_start_ns, uint64_t now_ns);

#endif
