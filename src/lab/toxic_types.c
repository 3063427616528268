/* SPDX-License-Identifier: ISC */
#include "lab/toxic_types.h"

#include <string.h>

#include "lab/chain.h"

static void noop_move(struct stage *stage, uint64_t now_ns)
{
	while (stage_head(stage) != NULL) {
		stage_pass(stage, now_ns);
	}
}

/** Does nothing, as toxiproxy's. */
static const struct toxic_type toxic_noop = {.name = "noop", .move = noop_move};

static const struct toxic_type *const types[] = {
	&toxic_noop,
	&toxic_latency,
	&toxic_bandwidth,
	&toxic_slow_close,
	&toxic_timeout,
	&toxic_reset_peer,
	&toxic_slicer,
	&toxic_limit_data,
	&toxic_refuse,
	&toxic_blackhole,
	&toxic_flap,
	&toxic_freeze,
	&toxic_cut,
	&toxic_half_close,
	&toxic_drip,
	&toxic_corrupt,
};

const struct toxic_type *toxic_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i]->name, name) == 0) {
			return types[i];
		}
	}
	return NULL;
}
