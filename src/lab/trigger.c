/* SPDX-License-Identifier: ISC */
#include "lab/trigger.h"

#include <stddef.h>

#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic.h"

const char *const trigger_scopes[] = {
	[SCOPE_CONNECTION] = "connection", [SCOPE_PROXY] = "proxy", NULL};

enum phase { BEFORE, ON, OVER };

static bool is_for_all(const struct stage *stage)
{
	return stage->toxic->values[SCOPE] == SCOPE_PROXY;
}

static uint64_t attribute_ns(const struct stage *stage, size_t which)
{
	return (uint64_t)stage->toxic->values[which] * NS_PER_MS;
}

/** When after_ms have passed; NS_NEVER: after_ms is not given. */
static uint64_t due_ns(const struct stage *stage)
{
	uint64_t begun_ns = is_for_all(stage) ? stage->toxic->begun_ns : stage->begun_ns;

	return stage->toxic->values[AFTER_MS] == 0 ? NS_NEVER
						   : begun_ns + attribute_ns(stage, AFTER_MS);
}

/** How many bytes are left until after_bytes have passed; UINT64_MAX: after_bytes is not given. */
static uint64_t left(const struct stage *stage)
{
	uint64_t limit = (uint64_t)stage->toxic->values[AFTER_BYTES];
	uint64_t n_passed = is_for_all(stage) ? stage->toxic->n_passed : stage->n_passed;

	if (limit == 0) {
		return UINT64_MAX;
	}
	return limit > n_passed ? limit - n_passed : 0;
}

static bool is_due(const struct stage *stage, uint64_t now_ns)
{
	const int64_t *values = stage->toxic->values;

	return (values[AFTER_MS] == 0 && values[AFTER_BYTES] == 0) || due_ns(stage) <= now_ns ||
	       left(stage) == 0;
}

static enum phase phase_of(struct stage *stage, uint64_t now_ns)
{
	uint64_t *on_ns = is_for_all(stage) ? &stage->toxic->on_ns : &stage->on_ns;

	if (*on_ns == 0) {
		if (!is_due(stage, now_ns)) {
			return BEFORE;
		}
		*on_ns = now_ns;
		if (is_for_all(stage) && stage->chain->calls->struck != NULL) {
			stage->chain->calls->struck(stage->chain);
		}
	}
	if (stage->toxic->values[FOR_MS] == 0) {
		return ON;
	}
	stage->what = stage->toxic->type->what_over;
	stage->wake_ns = *on_ns + attribute_ns(stage, FOR_MS);
	if (stage->wake_ns > now_ns) {
		return ON;
	}
	stage->wake_ns = NS_NEVER;
	return OVER;
}

static void pass(struct stage *stage, const struct chunk *head, enum phase phase, uint64_t now_ns)
{
	uint64_t n_before = stage->n_passed;

	if (head->kind != CHUNK_BYTES || phase == OVER || left(stage) >= head->n) {
		stage_pass(stage, now_ns);
	} else {
		stage_pass_part(stage, left(stage), now_ns);
	}
	stage->toxic->n_passed += stage->n_passed - n_before;
}

uint64_t trigger_left(const struct stage *stage)
{
	bool is_on = (is_for_all(stage) ? stage->toxic->on_ns : stage->on_ns) != 0;

	return is_on ? UINT64_MAX : left(stage);
}

bool trigger_run(struct stage *stage, uint64_t now_ns)
{
	enum phase phase;
	const struct chunk *head;

	while ((phase = phase_of(stage, now_ns)) != ON) {
		head = stage_head(stage);
		if (head == NULL || stage->chain->failed) {
			if (phase == BEFORE) {
				stage->wake_ns = due_ns(stage);
			}
			return false;
		}
		pass(stage, head, phase, now_ns);
	}
	return true;
}
