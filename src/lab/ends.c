/* SPDX-License-Identifier: ISC */
/* Toxics that end a connection: timeout, reset_peer, limit_data. */
#include "base/clock.h"
#include "lab/chain.h"
#include "lab/toxic_types.h"

enum { TIMEOUT };
enum { BYTES };

static uint64_t timeout_ns(const struct stage *stage)
{
	int64_t ms = stage->toxic->values[TIMEOUT];

	if (ms <= 0) {
		return 0;
	}
	return (uint64_t)ms > NS_NEVER / NS_PER_MS ? NS_NEVER : (uint64_t)ms * NS_PER_MS;
}

/* ---- timeout: since_ns is when the last bytes were dropped ---- */

static void timeout_begin(struct stage *stage, uint64_t now_ns)
{
	stage->since_ns = now_ns;
}

static void timeout_move(struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head;
	uint64_t ns = timeout_ns(stage);

	/* Dropping needs no room; an end is passed on when there is room. */
	while ((head = chunks_head(&stage->in)) != NULL) {
		if (head->kind == CHUNK_BYTES) {
			stage->since_ns = now_ns;
			stage_drop(stage);
		} else if (stage_head(stage) != NULL) {
			stage_pass(stage, now_ns);
		} else {
			break;
		}
	}
	if (ns == 0) {
		return;
	}
	if (clock_after(stage->since_ns, ns) <= now_ns) {
		stage_shut(stage, CHUNK_CLOSE, now_ns);
	} else {
		stage->wake_ns = clock_after(stage->since_ns, ns);
	}
}

/** As in toxiproxy: the connection is ended, because dropped bytes are missing in it. */
static void timeout_leave(struct stage *stage, uint64_t now_ns)
{
	stage_shut(stage, CHUNK_CLOSE, now_ns);
}

const struct toxic_type toxic_timeout = {
	.name = "timeout",
	.attributes = {[TIMEOUT] = {.name = "timeout"}},
	.begin = timeout_begin,
	.move = timeout_move,
	.leave = timeout_leave,
	.what = "the connection is closed",
};

/* ---- reset_peer: since_ns is when something came first; is_busy means that it has come ---- */

static void reset_peer_move(struct stage *stage, uint64_t now_ns)
{
	uint64_t due_ns;

	while (chunks_head(&stage->in) != NULL) {
		if (!stage->is_busy) {
			stage->is_busy = true;
			stage->since_ns = now_ns;
		}
		stage_drop(stage);
	}
	if (!stage->is_busy) {
		return;
	}
	due_ns = clock_after(stage->since_ns, timeout_ns(stage));
	if (due_ns <= now_ns) {
		stage_shut(stage, CHUNK_ABORT, now_ns);
	} else {
		stage->wake_ns = due_ns;
	}
}

const struct toxic_type toxic_reset_peer = {
	.name = "reset_peer",
	.attributes = {[TIMEOUT] = {.name = "timeout"}},
	.move = reset_peer_move,
	.what = "the connection is reset",
};

/* ---- limit_data ---- */

static uint64_t limit_data_left(const struct stage *stage)
{
	int64_t bytes = stage->toxic->values[BYTES];
	uint64_t limit = bytes < 0 ? 0 : (uint64_t)bytes;

	return limit > stage->n_passed ? limit - stage->n_passed : 0;
}

static void limit_data_move(struct stage *stage, uint64_t now_ns)
{
	const struct chunk *head;

	while ((head = stage_head(stage)) != NULL && !stage->chain->failed) {
		if (head->kind != CHUNK_BYTES) {
			stage_pass(stage, now_ns);
			continue;
		}
		stage_pass_part(stage, limit_data_left(stage), now_ns);
		if (limit_data_left(stage) == 0) {
			stage_shut(stage, CHUNK_CLOSE, now_ns);
			return;
		}
	}
}

const struct toxic_type toxic_limit_data = {
	.name = "limit_data",
	.attributes = {[BYTES] = {.name = "bytes"}},
	.move = limit_data_move,
	.left = limit_data_left,
	.what = "the connection is closed",
};
