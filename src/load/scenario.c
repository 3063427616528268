/* SPDX-License-Identifier: ISC */
#include "load/scenario.h"

#include <string.h>

const struct scenario *const scenarios[] = {
	&scenario_idle,
	&scenario_trickle,
	&scenario_halfclose,
	&scenario_oneside,
	&scenario_stall,
	&scenario_connect,
	&scenario_mixed,
	&scenario_lifetime,
	&scenario_preface,
	&scenario_firstbyte,
	&scenario_queue,
	&scenario_drain,
	&scenario_serve,
	&scenario_suite,
	NULL,
};

const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; scenarios[i] != NULL; i++) {
		if (strcmp(scenarios[i]->name, name) == 0) {
			return scenarios[i];
		}
	}
	return NULL;
}

bool scenario_opens(const struct scenario *scenario)
{
	return (scenario->bit & SCENARIO_CLIENTS) != 0;
}
