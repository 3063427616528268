/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a line that weirload and its serving end send each other: as a run, as its state, as
 * ends that are over, and as the record of an end. What is accepted lies within its bounds, and a
 * run that is sent again is read as the same.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "load/told.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 4, SERVERS = 6 };

/** Reads a run. If it is accepted, it is read as the same when it is sent again. */
static void check_run(const json_t *object)
{
	char why[OPTIONS_WHY_MAX] = "";
	struct options options;
	struct options again;
	struct run run = {.options = &options};
	json_t *told;

	assert(options_begin(&options, scenario_find("serve"), 0, NULL, why) == 0);
	assert(options_begin(&again, scenario_find("serve"), 0, NULL, why) == 0);
	if (told_read_run(object, &options, why) < 0) {
		assert(*why != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
	} else {
		assert(options.n_connections > 0 && options.is_apart && options_obeys(&options));
		run.nonce = options.nonce;
		told = told_run(&run);
		assert(told_read_run(told, &again, why) == 0);
		assert(again.scenario == options.scenario && again.nonce == options.nonce);
		assert(again.expect_ns == options.expect_ns && again.side == options.side);
		json_decref(told);
	}
	options_fini(&options);
	options_fini(&again);
}

/** Reads states and ends, as a serving end if `obeys` is true, and as a controller if not. */
static void check_ends(const json_t *object, bool obeys)
{
	static struct conn clients[CLIENTS];
	static struct conn servers[SERVERS];
	static struct lane lane; /* large */
	struct options options = {
		.scenario = &scenario_halfclose,
		.n_connections = CLIENTS,
		.is_apart = true,
		.has_remote = !obeys,
		.has_serve = true,
	};
	struct run run = {
		.options = &options,
		.lanes = &lane,
		.clients = clients,
		.servers = servers,
		.n_servers_max = SERVERS,
		.began_ns = NS_PER_S,
	};
	struct told_state state;
	const json_t *end;
	size_t i;

	memset(clients, 0, sizeof(clients));
	memset(servers, 0, sizeof(servers));
	lane.run = &run;
	(void)told_read_state(object, &state);
	(void)told_read_over(json_object_get(object, "over"), &run);
	json_array_foreach(json_object_get(object, "ends"), i, end)
	{
		if (told_read_end(end, &run) == 0) {
			uint64_t number = (uint64_t)json_integer_value(json_array_get(end, 0));
			json_t *told = told_end(&run, number);

			assert(servers[number].state == CONN_OVER);
			assert(servers[number].verdict < VERDICTS);
			assert(json_array_size(told) == json_array_size(end));
			json_decref(told);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = told_parse((const char *)data, size);

	if (object != NULL) {
		check_run(json_object_get(object, "run"));
		check_ends(object, false);
		check_ends(object, true);
	}
	json_decref(object);
	return 0;
}
