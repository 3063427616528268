/* SPDX-License-Identifier: ISC */
#include "lab/gate.h"

#include <stddef.h>

#include "base/clock.h"
#include "lab/home.h"
#include "lab/toxic_types.h"
#include "lab/trigger.h"

/* There is no scope: it is always "proxy". */
enum { GATE_AFTER_MS, GATE_AFTER_BYTES, GATE_FOR_MS, FLAP_UP_MS, FLAP_DOWN_MS };

#define GATE_TABLE                                                                                 \
	[GATE_AFTER_MS] = {.name = "after_ms", .max = TRIGGER_MS_MAX},                             \
	[GATE_AFTER_BYTES] = {.name = "after_bytes", .max = INT64_MAX},                            \
	[GATE_FOR_MS] = {.name = "for_ms", .max = TRIGGER_MS_MAX}

/** How long after after_bytes were reached that may be noticed. */
static const uint64_t look_ns = UINT64_C(5) * NS_PER_MS;

const struct toxic_type toxic_refuse = {
	.name = "refuse",
	.attributes = {GATE_TABLE},
	.is_own = true,
};

const struct toxic_type toxic_blackhole = {
	.name = "blackhole",
	.attributes = {GATE_TABLE},
	.is_own = true,
};

const struct toxic_type toxic_flap = {
	.name = "flap",
	.what = "the proxy goes down",
	.attributes = {GATE_TABLE,
		[FLAP_UP_MS] = {.name = "up_ms", .value = 1000, .min = 1, .max = TRIGGER_MS_MAX},
		[FLAP_DOWN_MS] =
			{.name = "down_ms", .value = 1000, .min = 1, .max = TRIGGER_MS_MAX}},
	.is_own = true,
};

bool gate_has_type(const struct toxic_type *type)
{
	return type->move == NULL;
}

bool gate_hits_all(const struct toxic_type *type)
{
	return gate_has_type(type) && type != &toxic_blackhole;
}

static uint64_t attribute_ns(const struct toxic *toxic, size_t which)
{
	return (uint64_t)toxic->values[which] * NS_PER_MS;
}

/** Whether the toxic has begun; if not, when it will. */
static bool has_begun(struct toxic *toxic, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns)
{
	uint64_t due_ns = toxic->begun_ns + attribute_ns(toxic, GATE_AFTER_MS);
	uint64_t limit = (uint64_t)toxic->values[GATE_AFTER_BYTES];
	bool has_time = toxic->values[GATE_AFTER_MS] > 0;

	if (toxic->on_ns != 0) {
		return true;
	}
	if ((!has_time && limit == 0) || (has_time && due_ns <= now_ns) ||
		(limit > 0 && n_bytes - toxic->n_passed >= limit)) {
		toxic->on_ns = now_ns;
		return true;
	}
	*ret_next_ns = has_time ? due_ns : NS_NEVER;
	if (limit > 0) {
		toxic->n_left = limit - (n_bytes - toxic->n_passed);
		*ret_next_ns = clock_earlier(*ret_next_ns, now_ns + look_ns);
	}
	return false;
}

/** The state of the gate by a toxic that has begun. */
static enum gate gate_of(const struct toxic *toxic, uint64_t now_ns, uint64_t *ret_next_ns)
{
	uint64_t up_ns = attribute_ns(toxic, FLAP_UP_MS);
	uint64_t round_ns = up_ns + attribute_ns(toxic, FLAP_DOWN_MS);
	uint64_t since_ns = now_ns - toxic->on_ns;
	uint64_t in_round_ns;

	if (toxic->type == &toxic_refuse) {
		return GATE_REFUSED;
	}
	if (toxic->type == &toxic_blackhole) {
		return GATE_DEAF;
	}
	in_round_ns = since_ns % round_ns;
	*ret_next_ns = clock_earlier(
		*ret_next_ns, now_ns + (in_round_ns < up_ns ? up_ns : round_ns) - in_round_ns);
	return in_round_ns < up_ns ? GATE_OPEN : GATE_DOWN;
}

static enum gate look(struct toxic *toxic, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns)
{
	*ret_next_ns = NS_NEVER;
	if (toxic->toxicity <= 0 || !has_begun(toxic, n_bytes, now_ns, ret_next_ns)) {
		return GATE_OPEN;
	}
	if (toxic->values[GATE_FOR_MS] > 0) {
		uint64_t end_ns = toxic->on_ns + attribute_ns(toxic, GATE_FOR_MS);

		if (end_ns <= now_ns) {
			return GATE_OPEN;
		}
		*ret_next_ns = end_ns;
	}
	return gate_of(toxic, now_ns, ret_next_ns);
}

/** Of two toxics. */
static void add(struct gate_view *view, const struct toxic *toxic, enum gate gate)
{
	static const int weight[] = {
		[GATE_OPEN] = 0, [GATE_DEAF] = 1, [GATE_REFUSED] = 2, [GATE_DOWN] = 3};

	view->gate = weight[gate] > weight[view->gate] ? gate : view->gate;
	if (gate == GATE_DEAF && toxic->toxicity > view->deaf) {
		view->deaf = toxic->toxicity;
	}
}

struct gate_view gate_at(const struct home *home, uint64_t n_bytes, uint64_t now_ns)
{
	struct gate_view view = {.gate = GATE_OPEN, .next_ns = NS_NEVER};

	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			struct toxic *toxic = container_of(link, struct toxic, link);
			uint64_t next_ns;
			enum gate one;

			if (!gate_has_type(toxic->type)) {
				continue;
			}
			one = look(toxic, n_bytes, now_ns, &next_ns);
			view.next_ns = clock_earlier(view.next_ns, next_ns);
			add(&view, toxic, one);
		}
	}
	return view;
}

/** When a flap goes down next; NS_NEVER: it does not. */
static uint64_t down_of(const struct toxic *toxic, uint64_t now_ns)
{
	uint64_t up_ns = attribute_ns(toxic, FLAP_UP_MS);
	uint64_t round_ns = up_ns + attribute_ns(toxic, FLAP_DOWN_MS);
	uint64_t begin_ns = toxic->on_ns != 0
				    ? toxic->on_ns
				    : toxic->begun_ns + attribute_ns(toxic, GATE_AFTER_MS);
	uint64_t from_ns = clock_later(begin_ns, now_ns);
	uint64_t in_round_ns = (from_ns - begin_ns) % round_ns;
	uint64_t down_ns = from_ns - in_round_ns + up_ns + (in_round_ns < up_ns ? 0 : round_ns);
	uint64_t for_ns = attribute_ns(toxic, GATE_FOR_MS);

	if (toxic->toxicity <= 0 || (toxic->on_ns == 0 && toxic->values[GATE_AFTER_MS] == 0) ||
		(for_ns > 0 && down_ns >= begin_ns + for_ns)) {
		return NS_NEVER;
	}
	return down_ns;
}

const struct toxic *gate_next_down(const struct home *home, uint64_t now_ns, uint64_t *ret_ns)
{
	const struct toxic *next = NULL;

	*ret_ns = NS_NEVER;
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			const struct toxic *toxic = container_of(link, struct toxic, link);
			uint64_t down_ns =
				toxic->type == &toxic_flap ? down_of(toxic, now_ns) : NS_NEVER;

			if (down_ns < *ret_ns) {
				*ret_ns = down_ns;
				next = toxic;
			}
		}
	}
	return next;
}

const struct toxic *gate_next_begin(const struct home *home, uint64_t *ret_left)
{
	const struct toxic *next = NULL;

	*ret_left = UINT64_MAX;
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			const struct toxic *toxic = container_of(link, struct toxic, link);

			if (toxic->type == &toxic_flap && toxic->toxicity > 0 &&
				toxic->on_ns == 0 && toxic->values[GATE_AFTER_BYTES] > 0 &&
				toxic->n_left < *ret_left) {
				*ret_left = toxic->n_left;
				next = toxic;
			}
		}
	}
	return next;
}
