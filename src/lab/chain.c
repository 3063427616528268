/* SPDX-License-Identifier: ISC */
#include "lab/chain.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "lab/chance.h"
#include "lab/toxic.h"

/* ---- stages ---- */

static struct stage *stage_of(struct list *link)
{
	return container_of(link, struct stage, link);
}

/** The queue after a stage. */
static struct chunks *queue_after(const struct stage *stage)
{
	struct list *next = stage->link.next;

	return next == &stage->chain->stages ? &stage->chain->out : &stage_of(next)->in;
}

static bool has_room_after(const struct stage *stage)
{
	struct list *next = stage->link.next;

	if (stage->chain->is_closing) {
		return true;
	}
	return next == &stage->chain->stages ? stage->chain->out.load < CHAIN_ROOM
					     : stage_of(next)->in.load < stage_of(next)->room;
}

struct chunk *stage_head(const struct stage *stage)
{
	struct chunk *head = chunks_head(&stage->in);

	return stage->is_shut || !has_room_after(stage) ? NULL : head;
}

static void push(struct stage *stage, struct chunk *chunk, uint64_t now_ns)
{
	chunk->at_ns = now_ns;
	chunks_append(queue_after(stage), chunk);
	stage->chain->n_moved++;
}

void stage_pass(struct stage *stage, uint64_t now_ns)
{
	struct chunk *chunk = chunks_take(&stage->in);

	stage->n_passed += chunk->n;
	push(stage, chunk, now_ns);
}

void stage_pass_part(struct stage *stage, size_t n, uint64_t now_ns)
{
	struct chunk *part;

	if (n >= chunks_head(&stage->in)->n) {
		stage_pass(stage, now_ns);
		return;
	}
	if (n == 0) {
		return;
	}
	part = chunks_cut(&stage->in, n);
	if (part == NULL) {
		stage->chain->failed = true;
		return;
	}
	stage->n_passed += n;
	push(stage, part, now_ns);
}

void stage_drop(struct stage *stage)
{
	chunks_drop(&stage->in);
	stage->chain->n_moved++;
}

void stage_shut(struct stage *stage, enum chunk_kind kind, uint64_t now_ns)
{
	struct chunk *chunk;

	if (stage->is_shut) {
		return;
	}
	stage->is_shut = true;
	stage->chain->is_closing = stage->chain->is_closing || kind != CHUNK_END;
	chunks_fini(&stage->in);
	chunk = chunk_new(kind, NULL, 0, stage->n_passed);
	if (chunk == NULL) {
		stage->chain->failed = true;
	} else {
		push(stage, chunk, now_ns);
	}
}

/** Decides whether the stage bites. The random number does not depend on the toxicity, so that a
 * higher toxicity bites all connections that a lower one did. */
static void stage_begin(struct stage *stage, uint64_t now_ns)
{
	const struct toxic *toxic = stage->toxic;

	stage->bites = chance_unit(stage->key) < toxic->toxicity;
	stage->room = toxic->type->room == 0 ? CHAIN_ROOM : toxic->type->room;
	stage->paces = false;
	if (stage->bites && toxic->type->begin != NULL) {
		toxic->type->begin(stage, now_ns);
	}
}

static void stage_move(struct stage *stage, uint64_t now_ns)
{
	stage->wake_ns = NS_NEVER;
	stage->what = stage->toxic->type->what;
	if (stage->is_shut) {
		chunks_fini(&stage->in);
	} else if (stage->bites) {
		stage->toxic->type->move(stage, now_ns);
	} else {
		while (stage_head(stage) != NULL) {
			stage_pass(stage, now_ns);
		}
	}
}

static void stage_free(struct stage *stage)
{
	chunks_fini(&stage->in);
	list_remove(&stage->link);
	free(stage->own);
	free(stage);
}

/* ---- the chain ---- */

void chain_init(struct chain *chain, const struct chain_calls *calls, uint64_t key)
{
	*chain = (struct chain){.calls = calls, .key = key};
	list_init(&chain->stages);
	chunks_init(&chain->out);
}

void chain_fini(struct chain *chain)
{
	while (!list_empty(&chain->stages)) {
		stage_free(stage_of(chain->stages.next));
	}
	chunks_fini(&chain->out);
}

static struct stage *find(const struct chain *chain, const struct toxic *toxic)
{
	list_for_each (link, &chain->stages) {
		if (stage_of(link)->toxic == toxic) {
			return stage_of(link);
		}
	}
	return NULL;
}

int chain_add(struct chain *chain, struct toxic *toxic, uint64_t now_ns)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (stage == NULL) {
		return -ENOMEM;
	}
	chunks_init(&stage->in);
	stage->chain = chain;
	stage->toxic = toxic;
	stage->key = chance_of_text(chain->key, toxic->name);
	stage->since_ns = now_ns;
	stage->begun_ns = now_ns;
	stage->wake_ns = NS_NEVER;
	list_append(&chain->stages, &stage->link);
	stage_begin(stage, now_ns);
	return 0;
}

void chain_update(struct chain *chain, const struct toxic *toxic, uint64_t now_ns)
{
	struct stage *stage = find(chain, toxic);

	if (stage != NULL) {
		stage_begin(stage, now_ns);
	}
}

void chain_remove(struct chain *chain, const struct toxic *toxic, uint64_t now_ns)
{
	struct stage *stage = find(chain, toxic);

	if (stage == NULL) {
		return;
	}
	if (stage->bites && !stage->is_shut && toxic->type->leave != NULL) {
		toxic->type->leave(stage, now_ns);
	}
	while (!list_empty(&stage->in.list)) {
		stage_pass(stage, now_ns);
	}
	stage_free(stage);
}

static size_t left(size_t room, size_t load)
{
	return load < room ? room - load : 0;
}

size_t chain_room(const struct chain *chain)
{
	const struct stage *first;

	if (list_empty(&chain->stages)) {
		return left(CHAIN_ROOM, chain->out.load);
	}
	first = stage_of(chain->stages.next);
	return left(first->room, first->in.load);
}

static void put(struct chain *chain, struct chunk *chunk, uint64_t now_ns)
{
	if (chunk == NULL) {
		chain->failed = true;
		return;
	}
	chunk->at_ns = now_ns;
	chunks_append(list_empty(&chain->stages) ? &chain->out : &stage_of(chain->stages.next)->in,
		chunk);
}

void chain_put(struct chain *chain, const void *bytes, size_t n, uint64_t now_ns)
{
	if (n > 0) {
		put(chain, chunk_new(CHUNK_BYTES, bytes, n, chain->n_put), now_ns);
		chain->n_put += n;
	}
}

void chain_end(struct chain *chain, enum chunk_kind kind, uint64_t now_ns)
{
	chain->is_closing = chain->is_closing || kind != CHUNK_END;
	put(chain, chunk_new(kind, NULL, 0, chain->n_put), now_ns);
}

/** Passes chunks to the receiver as far as it has room and the budget lasts, up to an end. */
static void flush(struct chain *chain, unsigned *budget)
{
	struct chunk *head;

	while (!chain->is_over && *budget > 0 && (head = chunks_head(&chain->out)) != NULL) {
		size_t room = chain->calls->room(chain);

		if (head->kind != CHUNK_BYTES) {
			chain->is_over = true;
			chain->last = head->kind;
		} else if (room == 0 && !chain->is_closing) {
			return;
		} else {
			/* A receiver with any room takes a whole chunk, so that slices keep their
			 * sizes. */
			chain->calls->out(chain, chunk_bytes(head), head->n);
			--*budget;
		}
		chunks_drop(&chain->out);
		chain->n_moved++;
	}
	if (chain->is_over) {
		chunks_fini(&chain->out);
	}
}

uint64_t chain_run(struct chain *chain, uint64_t now_ns)
{
	unsigned budget = CHAIN_RUN_CHUNKS;
	uint64_t n_before;
	const struct stage *next;

	do {
		n_before = chain->n_moved;
		flush(chain, &budget);
		/* The last stage first, so that it makes room for those before it. */
		for (struct list *link = chain->stages.prev; link != &chain->stages;
			link = link->prev) {
			stage_move(stage_of(link), now_ns);
		}
	} while (chain->n_moved != n_before && !chain->failed && budget > 0);
	if (budget == 0) {
		return now_ns + 1;
	}
	next = chain_next(chain);
	return next == NULL ? NS_NEVER : next->wake_ns;
}

const struct stage *chain_next(const struct chain *chain)
{
	const struct stage *next = NULL;

	list_for_each (link, &chain->stages) {
		const struct stage *stage = stage_of(link);

		if (stage->wake_ns != NS_NEVER &&
			(next == NULL || stage->wake_ns < next->wake_ns)) {
			next = stage;
		}
	}
	return next;
}

uint64_t stage_left(const struct stage *stage)
{
	const struct toxic_type *type = stage->toxic->type;

	return stage->bites && !stage->is_shut && type->left != NULL ? type->left(stage)
								     : UINT64_MAX;
}

const struct stage *chain_next_by_bytes(const struct chain *chain, uint64_t *ret_left)
{
	const struct stage *next = NULL;

	*ret_left = UINT64_MAX;
	list_for_each (link, &chain->stages) {
		uint64_t n = stage_left(stage_of(link));

		if (n < *ret_left) {
			*ret_left = n;
			next = stage_of(link);
		}
	}
	return next;
}

bool chain_is_paced(const struct chain *chain)
{
	return !list_empty(&chain->stages) && stage_of(chain->stages.prev)->paces;
}

bool chain_is_idle(const struct chain *chain)
{
	return list_empty(&chain->stages) && list_empty(&chain->out.list);
}

size_t chain_bytes(const struct chain *chain)
{
	size_t n = chain->out.n_bytes;

	list_for_each (link, &chain->stages) {
		n += stage_of(link)->in.n_bytes;
	}
	return n;
}
