/* SPDX-License-Identifier: ISC */
#include "lab/toxic_types.h"

#include <string.h>

static const struct toxic_type *const types[] = {
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
