/* SPDX-License-Identifier: ISC */
#include "ctl/top_sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/show.h"

enum { WAIT_S = 2 /* keys are not handled during this wait */ };

/** Gets an answer. 0, or a negative errno, already reported. */
static int get(const struct ask *ask, const char *target, json_t **ret_json)
{
	const struct ask_question question = {.method = "GET", .target = target, .wait_s = WAIT_S};
	json_t *json;
	int status = ask_weir(ask, &question, &json);

	if (status == 200) {
		*ret_json = json;
		return 0;
	}
	if (status > 0) {
		ask_tell(ask, json);
		json_decref(json);
		return -EINVAL;
	}
	return status;
}

/* ---- numbers ---- */

void top_numbers_fini(struct top_numbers *numbers)
{
	json_decref(numbers->status);
	json_decref(numbers->listeners);
	json_decref(numbers->upstreams);
	*numbers = (struct top_numbers){0};
}

int top_numbers_take(struct top_numbers *numbers, struct top_numbers *before, const struct ask *ask)
{
	struct top_numbers now = {.begin_ns = clock_ns()};
	int r = get(ask, "/v1/status", &now.status);

	if (r == 0) {
		r = get(ask, "/v1/listeners", &now.listeners);
	}
	if (r == 0) {
		r = get(ask, "/v1/upstreams", &now.upstreams);
	}
	if (r < 0) {
		top_numbers_fini(&now);
		return r;
	}
	now.at_ns = clock_ns();
	top_numbers_fini(before);
	*before = *numbers;
	*numbers = now;
	return 0;
}

bool top_is_restarted(const struct top_numbers *now, const struct top_numbers *before)
{
	uint64_t uptime_ns = (uint64_t)show_number(now->status, "uptime_ms") * NS_PER_MS;

	/* weir started at begin_ns - uptime_ns, or a little later. */
	return before->at_ns != 0 && uptime_ns < now->begin_ns &&
	       now->begin_ns - uptime_ns > before->at_ns;
}

double top_rate(const struct top_numbers *now, const struct top_numbers *before, json_int_t count,
	json_int_t count_before)
{
	double seconds = (double)(now->at_ns - before->at_ns) / (double)NS_PER_S;

	if (before->at_ns == 0 || top_is_restarted(now, before) || count < count_before) {
		return 0;
	}
	return (double)(count - count_before) / seconds;
}

const json_t *top_listener(const struct top_numbers *numbers, const char *name)
{
	size_t i;
	json_t *listener;

	json_array_foreach(json_object_get(numbers->listeners, "listeners"), i, listener)
	{
		const char *known = json_string_value(json_object_get(listener, "name"));

		if (name != NULL && known != NULL && strcmp(known, name) == 0) {
			return listener;
		}
	}
	return NULL;
}

json_int_t top_listener_bytes(const json_t *listener, const char *way)
{
	const json_t *bytes = json_object_get(json_object_get(listener, "bytes"), way);

	return show_number(bytes, "copied") + show_number(bytes, "spliced");
}

/* ---- pairs ---- */

void top_pairs_fini(struct top_pairs *pairs)
{
	json_decref(pairs->json);
	free(pairs->all);
	*pairs = (struct top_pairs){0};
}

static int compare_ids(const void *a, const void *b)
{
	json_int_t x = ((const struct top_pair *)a)->id;
	json_int_t y = ((const struct top_pair *)b)->id;

	return x < y ? -1 : x > y;
}

static json_int_t silent_ms(const json_t *json)
{
	const json_t *up = json_object_get(json_object_get(json, "up"), "quiet_ms");
	const json_t *down = json_object_get(json_object_get(json, "down"), "quiet_ms");
	json_int_t silent = show_number(json, "age_ms");

	if (json_is_integer(up) && json_integer_value(up) < silent) {
		silent = json_integer_value(up);
	}
	if (json_is_integer(down) && json_integer_value(down) < silent) {
		silent = json_integer_value(down);
	}
	return silent;
}

static double rate(json_int_t bytes, json_int_t before, uint64_t ns)
{
	return bytes < before ? 0 : (double)(bytes - before) * (double)NS_PER_S / (double)ns;
}

static void read_pair(
	struct top_pair *pair, const json_t *json, const struct top_pair *before, uint64_t since_ns)
{
	const json_t *up = json_object_get(json, "up");
	const json_t *down = json_object_get(json, "down");
	json_int_t left_ms;

	*pair = (struct top_pair){
		.id = show_number(json, "id"),
		.json = json,
		.bytes_up = show_number(up, "bytes"),
		.bytes_down = show_number(down, "bytes"),
		.up = (double)show_number(up, "bytes_per_s"),
		.down = (double)show_number(down, "bytes_per_s"),
		.silent_ms = silent_ms(json),
		.age_ms = show_number(json, "age_ms"),
		.due_ms = TOP_NEVER_MS,
		.waiting = show_number(up, "waiting") + show_number(down, "waiting"),
	};
	if (show_next_timer(json, &left_ms) != NULL) {
		pair->due_ms = left_ms;
	}
	if (before != NULL && since_ns > 0) {
		pair->up = rate(pair->bytes_up, before->bytes_up, since_ns);
		pair->down = rate(pair->bytes_down, before->bytes_down, since_ns);
	}
}

/** Reads the pairs from now->json. 0 or -ENOMEM. */
static int read_pairs(struct top_pairs *now, const struct top_pairs *before)
{
	const json_t *list = json_object_get(now->json, "pairs");
	size_t i;
	json_t *json;

	now->more = json_is_integer(json_object_get(now->json, "next"));
	now->all = calloc(json_array_size(list) + 1, sizeof(*now->all));
	if (now->all == NULL) {
		return -ENOMEM;
	}
	json_array_foreach(list, i, json)
	{
		const struct top_pair key = {.id = show_number(json, "id")};
		const struct top_pair *known =
			before->n == 0
				? NULL
				: bsearch(&key, before->all, before->n, sizeof(key), compare_ids);

		read_pair(&now->all[now->n++], json, known, now->at_ns - before->at_ns);
	}
	return 0;
}

int top_pairs_take(struct top_pairs *pairs, const struct ask *ask, const char *target)
{
	struct top_pairs now = {0};
	uint64_t begin_ns = clock_ns();
	int r = get(ask, target, &now.json);

	if (r == 0) {
		now.at_ns = clock_ns();
		now.took_ns = now.at_ns - begin_ns;
		r = read_pairs(&now, pairs);
		if (r < 0) {
			(void)ask_fail(ask, "the pairs cannot be sorted", r, TOP_MEMORY_REMEDY);
		}
	}
	if (r < 0) {
		top_pairs_fini(&now);
		return r;
	}
	top_pairs_fini(pairs);
	*pairs = now;
	return 0;
}
