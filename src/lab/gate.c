/* SPDX-License-Identifier: ISC */
#include "lab/gate.h"

#include <stddef.h>

#include "base/clock.h"
#include "lab/chance.h"
#include "lab/home.h"
#include "lab/toxic_types.h"
#include "lab/trigger.h"

enum { FLAP_UP_MS = TRIGGER_ATTRIBUTES, FLAP_DOWN_MS };

static const char *const scopes[] = {"proxy", NULL};

#define GATE_TABLE                                                                                 \
	[AFTER_MS] = {.name = "after_ms", .max = TRIGGER_MS_MAX},                                  \
	[AFTER_BYTES] = {.name = "after_bytes", .max = INT64_MAX},                                 \
	[FOR_MS] = {.name = "for_ms", .max = TRIGGER_MS_MAX},                                      \
	[SCOPE] = {.name = "scope",                                                                \
		.choices = scopes,                                                                 \
		.why = "since a client that is not let in has neither an age nor bytes"}

/** The longest time until weirlab notices that after_bytes were reached. */
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

static uint64_t attribute_ns(const struct toxic *toxic, size_t which)
{
	return (uint64_t)toxic->values[which] * NS_PER_MS;
}

/** Whether the toxic has begun; if not, when it will. */
static bool has_begun(struct toxic *toxic, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns)
{
	uint64_t due_ns = toxic->begun_ns + attribute_ns(toxic, AFTER_MS);
	uint64_t limit = (uint64_t)toxic->values[AFTER_BYTES];
	bool has_time = toxic->values[AFTER_MS] > 0;

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

/** Whether a flap that has begun is down. Makes *ret_next_ns earlier if that changes before. */
static bool is_down(const struct toxic *toxic, uint64_t now_ns, uint64_t *ret_next_ns)
{
	uint64_t up_ns = attribute_ns(toxic, FLAP_UP_MS);
	uint64_t round_ns = up_ns + attribute_ns(toxic, FLAP_DOWN_MS);
	uint64_t in_round_ns = (now_ns - toxic->on_ns) % round_ns;

	*ret_next_ns = clock_earlier(
		*ret_next_ns, now_ns + (in_round_ns < up_ns ? up_ns : round_ns) - in_round_ns);
	return in_round_ns >= up_ns;
}

/** Whether the toxic acts now, and when that may change. */
static bool acts(struct toxic *toxic, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns)
{
	*ret_next_ns = NS_NEVER;
	if (toxic->toxicity <= 0 || !has_begun(toxic, n_bytes, now_ns, ret_next_ns)) {
		return false;
	}
	if (toxic->values[FOR_MS] > 0) {
		uint64_t end_ns = toxic->on_ns + attribute_ns(toxic, FOR_MS);

		if (end_ns <= now_ns) {
			return false;
		}
		*ret_next_ns = end_ns;
	}
	return toxic->type != &toxic_flap || is_down(toxic, now_ns, ret_next_ns);
}

static void add(struct gate_view *view, const struct toxic *toxic)
{
	if (toxic->type == &toxic_blackhole) {
		view->deaf = toxic->toxicity > view->deaf ? toxic->toxicity : view->deaf;
		return;
	}
	view->is_shut = view->is_shut || toxic->toxicity >= 1;
	view->is_down = view->is_down || toxic->type == &toxic_flap;
}

struct gate_view gate_at(const struct home *home, uint64_t n_bytes, uint64_t now_ns)
{
	struct gate_view view = {.next_ns = NS_NEVER};

	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			struct toxic *toxic = container_of(link, struct toxic, link);
			uint64_t next_ns;

			if (!gate_has_type(toxic->type)) {
				continue;
			}
			toxic->acts = acts(toxic, n_bytes, now_ns, &next_ns);
			view.next_ns = clock_earlier(view.next_ns, next_ns);
			if (toxic->acts) {
				add(&view, toxic);
			}
		}
	}
	return view;
}

/* ---- connections ---- */

/** Whether the toxic may affect a connection. As in a chain, the number does not depend on the
 * toxicity, so that a higher toxicity affects all connections that a lower one does. */
static bool hits(const struct toxic *toxic, uint64_t key)
{
	uint64_t number = chance_of_text(chance_of(key, toxic->direction), toxic->name);

	return chance_unit(number) < toxic->toxicity;
}

/** The first toxic of one of two types that acts and hits a connection; NULL: none does. */
static const struct toxic *find(const struct home *home, uint64_t key,
	const struct toxic_type *type, const struct toxic_type *or_type)
{
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			const struct toxic *toxic = container_of(link, struct toxic, link);

			if ((toxic->type == type || toxic->type == or_type) && toxic->acts &&
				hits(toxic, key)) {
				return toxic;
			}
		}
	}
	return NULL;
}

const struct toxic *gate_bars(const struct home *home, uint64_t key)
{
	return find(home, key, &toxic_refuse, &toxic_flap);
}

const struct toxic *gate_closes(const struct home *home, uint64_t key)
{
	return find(home, key, &toxic_flap, &toxic_flap);
}

/** When a flap goes down next; NS_NEVER: it does not. */
static uint64_t down_of(const struct toxic *toxic, uint64_t now_ns)
{
	uint64_t up_ns = attribute_ns(toxic, FLAP_UP_MS);
	uint64_t round_ns = up_ns + attribute_ns(toxic, FLAP_DOWN_MS);
	uint64_t begin_ns =
		toxic->on_ns != 0 ? toxic->on_ns : toxic->begun_ns + attribute_ns(toxic, AFTER_MS);
	uint64_t from_ns = clock_later(begin_ns, now_ns);
	uint64_t in_round_ns = (from_ns - begin_ns) % round_ns;
	uint64_t down_ns = from_ns - in_round_ns + up_ns + (in_round_ns < up_ns ? 0 : round_ns);
	uint64_t for_ns = attribute_ns(toxic, FOR_MS);

	if ((toxic->on_ns == 0 && toxic->values[AFTER_MS] == 0) ||
		(for_ns > 0 && down_ns >= begin_ns + for_ns)) {
		return NS_NEVER;
	}
	return down_ns;
}

const struct toxic *gate_next_down(
	const struct home *home, uint64_t key, uint64_t now_ns, uint64_t *ret_ns)
{
	const struct toxic *next = NULL;

	*ret_ns = NS_NEVER;
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			const struct toxic *toxic = container_of(link, struct toxic, link);
			uint64_t down_ns;

			if (toxic->type != &toxic_flap || !hits(toxic, key)) {
				continue;
			}
			down_ns = down_of(toxic, now_ns);
			if (down_ns < *ret_ns) {
				*ret_ns = down_ns;
				next = toxic;
			}
		}
	}
	return next;
}

const struct toxic *gate_next_begin(const struct home *home, uint64_t key, uint64_t *ret_left)
{
	const struct toxic *next = NULL;

	*ret_left = UINT64_MAX;
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &home->toxics[i]) {
			const struct toxic *toxic = container_of(link, struct toxic, link);

			if (toxic->type == &toxic_flap && hits(toxic, key) && toxic->on_ns == 0 &&
				toxic->values[AFTER_BYTES] > 0 && toxic->n_left < *ret_left) {
				*ret_left = toxic->n_left;
				next = toxic;
			}
		}
	}
	return next;
}
