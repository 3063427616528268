/* SPDX-License-Identifier: ISC */
#include "lab/link_json.h"

#include "base/clock.h"
#include "lab/answer.h"
#include "lab/gate.h"
#include "lab/home.h"
#include "lab/link.h"
#include "stream/stream.h"

static const char *const state_texts[] = {
	[LINK_CONNECTING] = "connecting",
	[LINK_RELAYING] = "relaying",
	[LINK_FLUSHING] = "closing",
	[LINK_CLOSING] = "closing",
	[LINK_RESETTING] = "resetting",
};

static double ms_of(uint64_t ns)
{
	return (double)ns / NS_PER_MS;
}

static json_t *show_toxics(const struct link_way *way)
{
	json_t *toxics = json_array();

	if (way->is_chain) {
		list_for_each (link, &way->chain.stages) {
			const struct stage *stage = container_of(link, struct stage, link);

			if (stage->bites) {
				toxics = answer_put(toxics, NULL, json_string(stage->toxic->name));
			}
		}
	}
	return toxics;
}

/** The JSON of what a toxic does at this time, or after so many bytes; UINT64_MAX: it counts no
 * bytes. */
static json_t *show_what(
	const struct toxic *toxic, const char *what, uint64_t at_ns, uint64_t left, uint64_t now_ns)
{
	double in_ms = at_ns > now_ns ? ms_of(at_ns - now_ns) : 0.0;

	if (at_ns == NS_NEVER) {
		return json_pack("{s:s, s:s, s:I}", "toxic", toxic->name, "what", what, "in_bytes",
			(json_int_t)left);
	}
	if (left == UINT64_MAX) {
		return json_pack(
			"{s:s, s:s, s:f}", "toxic", toxic->name, "what", what, "in_ms", in_ms);
	}
	return json_pack("{s:s, s:s, s:f, s:I}", "toxic", toxic->name, "what", what, "in_ms", in_ms,
		"in_bytes", (json_int_t)left);
}

static json_t *show_next(const struct link_way *way, uint64_t now_ns)
{
	const struct stage *next;
	uint64_t left;

	if (!way->is_chain || way->is_done) {
		return json_null();
	}
	next = chain_next(&way->chain);
	if (next != NULL) {
		return show_what(next->toxic, next->what, next->wake_ns, stage_left(next), now_ns);
	}
	next = chain_next_by_bytes(&way->chain, &left);
	return next == NULL
		       ? json_null()
		       : show_what(next->toxic, next->toxic->type->what, NS_NEVER, left, now_ns);
}

/** The JSON of what a toxic of the proxy does to the connection next. */
static json_t *show_next_of_proxy(const struct link *link, uint64_t now_ns)
{
	uint64_t at_ns;
	uint64_t left;
	const struct toxic *toxic = gate_next_down(link->home, link->key, now_ns, &at_ns);

	if (toxic != NULL) {
		return show_what(toxic, toxic->type->what, at_ns, UINT64_MAX, now_ns);
	}
	toxic = gate_next_begin(link->home, link->key, &left);
	return toxic == NULL
		       ? json_null()
		       : show_what(toxic, "it begins to go up and down", NS_NEVER, left, now_ns);
}

/** Bytes that were received, and neither dropped nor sent. */
static uint64_t in_flight(const struct link_way *way)
{
	if (way->to == NULL) {
		return 0;
	}
	return stream_bytes_waiting(way->to) + (way->is_chain ? chain_bytes(&way->chain) : 0);
}

static json_t *show_way(const struct link *link, enum direction direction, uint64_t now_ns)
{
	const struct link_way *way = &link->ways[direction];

	return json_pack("{s:I, s:I, s:I, s:o, s:o}", "received",
		(json_int_t)link_received(link, direction), "sent",
		(json_int_t)link_sent(link, direction), "in_flight", (json_int_t)in_flight(way),
		"toxics", show_toxics(way), "next", show_next(way, now_ns));
}

json_t *link_json_show(const struct link *link)
{
	uint64_t now_ns = clock_ns();

	return json_pack("{s:I, s:s, s:s, s:s?, s:s, s:f, s:o, s:o, s:o}", "id",
		(json_int_t)link->id, "proxy", link->home->name, "client", link->client_text,
		"server", *link->server_text == '\0' ? NULL : link->server_text, "state",
		state_texts[link->state], "age_ms", ms_of(now_ns - link->begun_ns), "next",
		show_next_of_proxy(link, now_ns), "upstream", show_way(link, UPSTREAM, now_ns),
		"downstream", show_way(link, DOWNSTREAM, now_ns));
}
