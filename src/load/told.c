/* SPDX-License-Identifier: ISC */
#include "load/told.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"

json_t *told_parse(const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	if (object != NULL && !json_is_object(object)) {
		json_decref(object);
		object = NULL;
	}
	return object;
}

char *told_line(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t len = text == NULL ? 0 : strlen(text);
	char *line = text == NULL ? NULL : realloc(text, len + 2);

	json_decref(object);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

/** Reads a number of at least 0; false: it is not one. */
static bool read_number(const json_t *value, uint64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		return false;
	}
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

/* ---- a run ---- */

/** A number of struct options that a serving end must know. */
struct field {
	const char *name;
	size_t offset;
	uint64_t min;
	uint64_t max;
	bool may_lack; /**< NS_NEVER is sent by leaving it out */
};

#define AT(field) offsetof(struct options, field)

/** Longer than any run: a hundred days. */
#define LONGEST_NS ((uint64_t)8640000 * NS_PER_S)

static const struct field fields[] = {
	{"connections", AT(n_connections), 1, OPTIONS_CONNECTIONS_MAX, false},
	{"expect_ns", AT(expect_ns), 0, LONGEST_NS, true},
	{"wait_ns", AT(wait_ns), 0, LONGEST_NS, false},
	{"connect_wait_ns", AT(connect_wait_ns), 0, LONGEST_NS, false},
	{"max_late_ns", AT(max_late_ns), 0, LONGEST_NS, true},
	{"every_ns", AT(every_ns), 1, LONGEST_NS, true},
	{"for_ns", AT(for_ns), 0, LONGEST_NS, true},
	{"spread_ns", AT(spread_ns), 0, LONGEST_NS, true},
	{"direction", AT(direction), DIRECTION_UP, DIRECTION_BOTH, false},
	{"side", AT(side), SIDE_CLIENT, SIDE_SERVER, false},
	{"size", AT(message_bytes), 16, 65536, false},
	{"places", AT(places), 0, OPTIONS_CONNECTIONS_MAX, false},
};

enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

/** Shares are sent in millionths, so that they are exact integers. */
#define SHARE 1e6

json_t *told_run(const struct run *run)
{
	const struct options *options = run->options;
	json_t *object = json_object();

	(void)json_object_set_new(object, "scenario", json_string(options->scenario->name));
	(void)json_object_set_new(object, "nonce", json_integer(run->nonce));
	(void)json_object_set_new(
		object, "busy", json_integer((json_int_t)(options->busy_share * SHARE + 0.5)));
	(void)json_object_set_new(object, "silent", json_boolean(options->silent));
	(void)json_object_set_new(object, "mute", json_boolean(options->mute));
	for (size_t i = 0; i < N_FIELDS; i++) {
		uint64_t value;

		memcpy(&value, (const char *)options + fields[i].offset, sizeof(value));
		if (value == NS_NEVER) {
			continue;
		}
		value = clock_earlier(value, fields[i].max);
		(void)json_object_set_new(object, fields[i].name, json_integer((json_int_t)value));
	}
	return object;
}

static int refuse(char *why, const char *problem)
{
	(void)snprintf(why, OPTIONS_WHY_MAX, "%s", problem);
	return -EINVAL;
}

static int read_fields(const json_t *object, struct options *options, char *why)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		const struct field *field = &fields[i];
		const json_t *given = json_object_get(object, field->name);
		uint64_t value = NS_NEVER;

		if (given == NULL ? !field->may_lack
				  : !read_number(given, &value) || value < field->min ||
					    value > field->max) {
			(void)snprintf(why, OPTIONS_WHY_MAX, "run.%s does not fit", field->name);
			return -EINVAL;
		}
		memcpy((char *)options + field->offset, &value, sizeof(value));
	}
	return 0;
}

int told_read_run(const json_t *object, struct options *ret, char *ret_why)
{
	const char *name = json_string_value(json_object_get(object, "scenario"));
	const struct scenario *scenario = name == NULL ? NULL : scenario_find(name);
	const json_t *silent = json_object_get(object, "silent");
	const json_t *mute = json_object_get(object, "mute");
	const char *problem;
	uint64_t nonce;
	uint64_t share;

	if (scenario == NULL || !options_can_serve(scenario)) {
		return refuse(ret_why, "run.scenario is none that has a serving end");
	}
	if (!json_is_boolean(silent) || !json_is_boolean(mute) ||
		!read_number(json_object_get(object, "nonce"), &nonce) || nonce > UINT8_MAX ||
		!read_number(json_object_get(object, "busy"), &share) || share == 0 ||
		(double)share > 100 * SHARE) {
		return refuse(ret_why, "run.silent, mute, nonce or busy does not fit");
	}
	ret->scenario = scenario;
	ret->silent = json_is_true(silent);
	ret->mute = json_is_true(mute);
	ret->nonce = (uint8_t)nonce;
	ret->busy_share = (double)share / SHARE;
	ret->has_serve = true;
	ret->is_apart = true;
	if (read_fields(object, ret, ret_why) < 0) {
		return -EINVAL;
	}
	/* The command that begins a drain belongs to the controller, so it is missing here. */
	problem = scenario->check == NULL || scenario->bit == SCENARIO_DRAIN ? NULL
									     : scenario->check(ret);
	return problem == NULL ? 0 : refuse(ret_why, problem);
}

/* ---- the state of a run ---- */

json_t *told_state(const struct told_state *state)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "servers", (json_int_t)state->n_servers,
		"ended", (json_int_t)state->n_over, "awaited", (json_int_t)state->n_awaited,
		"strangers", (json_int_t)state->n_strangers, "delay_us",
		(json_int_t)state->delay_us);
}

int told_read_state(const json_t *object, struct told_state *ret)
{
	struct told_state state;

	if (!read_number(json_object_get(object, "servers"), &state.n_servers) ||
		!read_number(json_object_get(object, "ended"), &state.n_over) ||
		!read_number(json_object_get(object, "awaited"), &state.n_awaited) ||
		!read_number(json_object_get(object, "strangers"), &state.n_strangers) ||
		!read_number(json_object_get(object, "delay_us"), &state.delay_us)) {
		return -EINVAL;
	}
	*ret = state;
	return 0;
}

/* ---- ends that are over ---- */

json_t *told_over(struct run *run)
{
	bool are_servers = options_obeys(run->options);
	struct conn *conns = are_servers ? run->servers : run->clients;
	uint64_t n = are_servers ? run_n_servers(run) : run->options->n_connections;
	json_t *array = json_array();

	if (!run->options->scenario->is_watched) {
		return array;
	}
	for (uint64_t i = 0; i < n && json_array_size(array) < TOLD_OVER_MAX; i++) {
		const struct conn *mate = conn_mate(&conns[i]);

		if (conns[i].is_told || !conn_is_over(&conns[i])) {
			continue;
		}
		conns[i].is_told = true;
		if (!are_servers) {
			(void)json_array_append_new(array, json_integer((json_int_t)i));
		} else if (mate != NULL) {
			(void)json_array_append_new(
				array, json_pack("[I, I]", (json_int_t)i,
					       (json_int_t)(mate - run->clients)));
		}
	}
	return array;
}

/** The end that an entry names; NULL: there is none. */
static struct conn *find_over(const json_t *entry, struct run *run)
{
	const json_t *number = json_array_get(entry, 0);
	uint64_t client;
	uint64_t i;

	if (options_obeys(run->options)) {
		return read_number(entry, &i) && i < run->options->n_connections ? &run->clients[i]
										 : NULL;
	}
	if (json_array_size(entry) != 2 || !read_number(number, &i) || i >= run->n_servers_max ||
		!read_number(json_array_get(entry, 1), &client) ||
		client >= run->options->n_connections) {
		return NULL;
	}
	if (conn_mate(&run->clients[client]) == NULL && conn_mate(&run->servers[i]) == NULL) {
		conn_match(&run->clients[client], &run->servers[i]);
	}
	return conn_mate(&run->clients[client]) == &run->servers[i] ? &run->servers[i] : NULL;
}

int told_read_over(const json_t *array, struct run *run)
{
	const json_t *entry;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > TOLD_OVER_MAX) {
		return -EINVAL;
	}
	json_array_foreach((json_t *)array, i, entry)
	{
		struct conn *conn = find_over(entry, run);

		if (conn == NULL) {
			return -EINVAL;
		}
		atomic_store(&conn->over_ns, clock_ns());
	}
	return 0;
}

/* ---- an end ---- */

/** The numbers of an end, in their sequence. */
enum part {
	END_NUMBER,
	END_CLIENT, /* index of the client plus 1; 0: not known */
	END_OPEN,
	END_SENT,
	END_FIN,
	END_OVER,
	END_BEGIN,
	END_LATE,  /* may be negative */
	END_AFTER, /* likewise */
	END_N_SENT,
	END_N_QUEUED,
	END_N_READ,
	END_N_BEFORE,
	END_ERROR,
	END_HOW,
	END_VERDICT,
	END_FLAGS, /* 1: garbled, 2: void */
	END_PARTS,
};

/** A timestamp since the run began. 0 stays 0, and no other value becomes 0. */
static json_int_t since(const struct run *run, uint64_t stamp_ns)
{
	if (stamp_ns == 0) {
		return 0;
	}
	return stamp_ns > run->began_ns ? (json_int_t)(stamp_ns - run->began_ns) : 1;
}

json_t *told_end(const struct run *run, uint64_t number)
{
	const struct conn *end = &run->servers[number];
	const struct conn *client = conn_mate(end);
	const json_int_t parts[END_PARTS] = {
		[END_NUMBER] = (json_int_t)number,
		[END_CLIENT] = client == NULL ? 0 : client - run->clients + 1,
		[END_OPEN] = since(run, end->open_ns),
		[END_SENT] = since(run, end->sent_ns),
		[END_FIN] = since(run, end->fin_ns),
		[END_OVER] = since(run, end->over_ns),
		[END_BEGIN] = since(run, end->begin_ns),
		[END_LATE] = end->late_ns,
		[END_AFTER] = end->after_ns,
		[END_N_SENT] = (json_int_t)end->n_sent,
		[END_N_QUEUED] = (json_int_t)end->n_queued,
		[END_N_READ] = (json_int_t)end->n_read,
		[END_N_BEFORE] = (json_int_t)end->n_before,
		[END_ERROR] = -end->error,
		[END_HOW] = end->end,
		[END_VERDICT] = end->verdict,
		[END_FLAGS] = (end->is_garbled ? 1 : 0) | (end->is_void ? 2 : 0),
	};
	json_t *array = json_array();

	for (size_t i = 0; i < END_PARTS; i++) {
		(void)json_array_append_new(array, json_integer(parts[i]));
	}
	return array;
}

/** Whether all numbers are in their ranges. */
static bool fits(const struct run *run, const json_int_t *parts)
{
	static const json_int_t longest = (json_int_t)LONGEST_NS;

	for (size_t i = 0; i < END_PARTS; i++) {
		bool is_signed = i == END_LATE || i == END_AFTER;

		if (parts[i] < (is_signed ? -longest : 0)) {
			return false;
		}
		if (i >= END_OPEN && i <= END_AFTER && parts[i] > longest) {
			return false;
		}
	}
	if (parts[END_LATE] < 0 && parts[END_VERDICT] != VERDICT_EARLY &&
		parts[END_VERDICT] != VERDICT_VOID) {
		return false;
	}
	return (uint64_t)parts[END_NUMBER] < run->n_servers_max &&
	       (uint64_t)parts[END_CLIENT] <= run->options->n_connections && parts[END_OPEN] != 0 &&
	       parts[END_OVER] != 0 && parts[END_ERROR] < 4096 && parts[END_HOW] >= CONN_END_FIN &&
	       parts[END_HOW] <= CONN_END_OURS && parts[END_VERDICT] < VERDICTS &&
	       parts[END_VERDICT] != VERDICT_FAILED && parts[END_FLAGS] < 4;
}

static uint64_t stamp(const struct run *run, json_int_t since_ns)
{
	return since_ns == 0 ? 0 : run->began_ns + (uint64_t)since_ns;
}

int told_read_end(const json_t *array, struct run *run)
{
	json_int_t parts[END_PARTS];
	struct conn *end;
	struct conn *client = NULL;

	if (!json_is_array(array) || json_array_size(array) != END_PARTS) {
		return -EINVAL;
	}
	for (size_t i = 0; i < END_PARTS; i++) {
		if (!json_is_integer(json_array_get(array, i))) {
			return -EINVAL;
		}
		parts[i] = json_integer_value(json_array_get(array, i));
	}
	if (!fits(run, parts)) {
		return -EINVAL;
	}
	end = &run->servers[parts[END_NUMBER]];
	if (parts[END_CLIENT] > 0) {
		client = &run->clients[parts[END_CLIENT] - 1];
	}
	if (end->state != CONN_UNUSED ||
		(client != NULL && conn_mate(client) != NULL && conn_mate(client) != end) ||
		(client != NULL && conn_mate(end) != NULL && conn_mate(end) != client)) {
		return -EINVAL;
	}
	if (client != NULL) {
		conn_match(client, end);
	}
	*end = (struct conn){
		.lane = &run->lanes[0], /* all lanes have ended, so none is used any more */
		.state = CONN_OVER,
		.is_server = true,
		.mate = conn_mate(end),
		.open_ns = stamp(run, parts[END_OPEN]),
		.opened_ns = stamp(run, parts[END_OPEN]),
		.sent_ns = stamp(run, parts[END_SENT]),
		.fin_ns = stamp(run, parts[END_FIN]),
		.over_ns = stamp(run, parts[END_OVER]),
		.begin_ns = stamp(run, parts[END_BEGIN]),
		.late_ns = parts[END_LATE],
		.after_ns = parts[END_AFTER],
		.n_sent = (uint64_t)parts[END_N_SENT],
		.n_queued = (uint64_t)parts[END_N_QUEUED],
		.n_read = (uint64_t)parts[END_N_READ],
		.n_before = (uint64_t)parts[END_N_BEFORE],
		.error = -(int)parts[END_ERROR],
		.end = (uint8_t)parts[END_HOW],
		.verdict = (uint8_t)parts[END_VERDICT],
		.is_garbled = (parts[END_FLAGS] & 1) != 0,
		.is_void = (parts[END_FLAGS] & 2) != 0,
	};
	client = conn_mate(end);
	end->script = run->options->scenario->script(
		run->options, true, client == NULL ? 0 : (uint32_t)(client - run->clients));
	if (client == NULL && conn_server_is_first(run->options)) {
		end->verdict = VERDICT_NONE; /* no client of this run knows it */
	}
	return 0;
}
