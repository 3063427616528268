/* SPDX-License-Identifier: ISC */
/* The parts of the JSON report from which closes are plotted: how late, when, and the worst. */
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "load/results.h"
#include "load/run.h"

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void append(json_t *array, int64_t least, int64_t greatest, uint64_t n)
{
	(void)json_array_append_new(array,
		json_pack("[I,I,I]", (json_int_t)least, (json_int_t)greatest, (json_int_t)n));
}

json_t *report_json_deviations(const struct hdr *early, const struct hdr *late)
{
	json_t *array = json_array();
	json_t *before = json_array();
	struct hdr_slot slot;
	uint64_t n_hardly_early = 0; /* by less than 1 us: shown as 0 */
	size_t index = 0;

	while (early != NULL && hdr_next(early, &index, &slot)) {
		if (slot.greatest == 0) {
			n_hardly_early = slot.n;
		} else {
			append(before, -(int64_t)slot.greatest, -(int64_t)slot.least, slot.n);
		}
	}
	/* Beginning with the earliest. */
	for (size_t i = json_array_size(before); i > 0; i--) {
		(void)json_array_append(array, json_array_get(before, i - 1));
	}
	json_decref(before);
	index = 0;
	while (hdr_next(late, &index, &slot)) {
		if (n_hardly_early > 0 && slot.greatest > 0) {
			append(array, 0, 0, n_hardly_early);
			n_hardly_early = 0;
		}
		append(array, (int64_t)slot.least, (int64_t)slot.greatest, slot.n + n_hardly_early);
		n_hardly_early = 0;
	}
	if (n_hardly_early > 0) {
		append(array, 0, 0, n_hardly_early);
	}
	return array;
}

json_t *report_json_closes(const struct closes *closes)
{
	json_t *object = json_object();
	json_t *opened = json_array();

	for (size_t i = 0; i < closes->n_moments; i++) {
		(void)json_array_append_new(opened, integer(closes->moments[i].n_opened));
	}
	(void)json_object_set_new(object, "every_us", integer(closes->moment_us));
	(void)json_object_set_new(object, "opened", opened);
	for (unsigned verdict = VERDICT_FAILED; verdict < VERDICT_UNFINISHED; verdict++) {
		json_t *array = json_array();

		for (size_t i = 0; i < closes->n_moments; i++) {
			(void)json_array_append_new(
				array, integer(closes->moments[i].verdicts[verdict]));
		}
		(void)json_object_set_new(object, verdict_name(verdict), array);
	}
	return object;
}

/* ---- the worst ---- */

/** A time since the run began; null: it has not happened. */
static json_t *since(const struct run *run, uint64_t ns)
{
	return ns < run->began_ns ? json_null() : integer((ns - run->began_ns) / NS_PER_US);
}

static json_t *end_object(const struct results *results, const struct conn *conn)
{
	json_t *object = json_object();
	const char *error = conn->error == 0 ? NULL : strerrorname_np(-conn->error);
	bool is_over = conn->state == CONN_OVER;

	(void)json_object_set_new(object, "sent_us", since(results->run, conn->sent_ns));
	(void)json_object_set_new(
		object, "closed_us", is_over ? since(results->run, conn->over_ns) : json_null());
	(void)json_object_set_new(object, "late_us",
		results_is_timed(conn) ? json_integer(results_late_us(results, conn))
				       : json_null());
	(void)json_object_set_new(object, "by", json_string(conn_end_name(conn->end)));
	(void)json_object_set_new(object, "error",
		conn->error == 0 ? json_null() : json_string(error == NULL ? "other" : error));
	return object;
}

json_t *report_json_worst(const struct results *results)
{
	const struct run *run = results->run;
	json_t *array = json_array();

	for (size_t i = 0; i < results->closes.n_worst; i++) {
		const struct conn *client = results->closes.worst[i];
		const struct conn *mate = conn_mate(client);
		json_t *object = json_object();

		(void)json_object_set_new(object, "connection", integer(conn_index(client)));
		(void)json_object_set_new(
			object, "port", client->port == 0 ? json_null() : integer(client->port));
		(void)json_object_set_new(
			object, "verdict", json_string(verdict_name(results_verdict(client))));
		(void)json_object_set_new(object, "open_us", since(run, client->open_ns));
		(void)json_object_set_new(object, "client", end_object(results, client));
		(void)json_object_set_new(
			object, "server", mate == NULL ? json_null() : end_object(results, mate));
		(void)json_array_append_new(array, object);
	}
	return array;
}
