/* SPDX-License-Identifier: ISC */
/*
 * The toxics that one direction of a connection goes through, and what is in flight in them.
 *
 *	chain_put() ──▶ stage ──▶ stage ──▶ ... ──▶ out ──▶ room(), out(), over()
 *	                  └─ a toxic each, and a queue before it
 *
 * Pure: time is an argument, and what comes out goes to the calls. Each stage holds at most its
 * type's room and one read more; a full one holds up the one before it, and chain_room() says how
 * much may be read. Nothing is lost or reordered that no toxic drops: the queue of a stage that is
 * taken away goes on to the next.
 *
 * A toxic bites a connection or does not, by its toxicity and the chain's key: a stage that does
 * not bite passes everything on. Memory that is short ends the connection: `failed`.
 */
#ifndef WEIR_LAB_CHAIN_H
#define WEIR_LAB_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "lab/chunk.h"

struct chain;
struct toxic;

enum {
	CHAIN_ROOM = 64 * 1024, /**< of a stage whose type says nothing else, and of what is out */
};

/** None may touch the chain. */
struct chain_calls {
	/** How many bytes the sink takes; 0: none, and chain_run() is due when it does. */
	size_t (*room)(struct chain *chain);
	/** Bytes are out. */
	void (*out)(struct chain *chain, const void *bytes, size_t n);
	/** May be NULL. What is to happen to all connections of the proxy begins now. */
	void (*struck)(struct chain *chain);
};

/** A toxic at work on one direction. Its state is for the type, zeroed at first. */
struct stage {
	struct list link; /* struct chain::stages */
	struct chain *chain;
	struct toxic *toxic;
	struct chunks in;
	uint64_t key; /**< for chance */
	uint64_t begun_ns;
	uint64_t on_ns; /**< of a trigger; 0: not yet */
	uint64_t wake_ns;
	const char *what; /**< happens then */
	size_t room;
	bool bites;
	bool is_shut; /**< it has passed an end on: what comes is dropped */
	/* Of the type. */
	bool is_busy;
	uint64_t since_ns;
	uint64_t n_passed;
	uint64_t turn_ns;
	uint64_t n_turn;
	void *own; /**< freed with the stage */
};

struct chain {
	const struct chain_calls *calls;
	uint64_t key;       /**< for chance: the seed, the proxy, the connection, the direction */
	struct list stages; /* struct stage::link */
	struct chunks out;
	uint64_t n_put;       /**< bytes */
	uint64_t n_moved;     /**< chunks that went a step: whether a run has done something */
	bool failed;          /**< memory was short */
	bool is_over;         /**< nothing comes out any more: */
	enum chunk_kind last; /**< by this end */
};

/** Sets it up; nothing can fail. */
void chain_init(struct chain *chain, const struct chain_calls *calls, uint64_t key);
void chain_fini(struct chain *chain);

/** A toxic at the end of the chain, which borrows it until it is removed. 0 or -ENOMEM. */
int chain_add(struct chain *chain, struct toxic *toxic, uint64_t now_ns);

/** Its values or its toxicity have changed. */
void chain_update(struct chain *chain, const struct toxic *toxic, uint64_t now_ns);

/** It goes, and what is in flight in it goes on. */
void chain_remove(struct chain *chain, const struct toxic *toxic, uint64_t now_ns);

/** How many bytes may be put; 0: none until something went on. */
size_t chain_room(const struct chain *chain);

/** Bytes, or an end, at the beginning of the chain. */
void chain_put(struct chain *chain, const void *bytes, size_t n, uint64_t now_ns);
void chain_end(struct chain *chain, enum chunk_kind kind, uint64_t now_ns);

/** Moves all that may move at this time. Returns when it is due again; NS_NEVER. */
uint64_t chain_run(struct chain *chain, uint64_t now_ns);

/** When it is due again, as far as the last run has shown, and by which stage. */
const struct stage *chain_next(const struct chain *chain);

/** The stage that does something after the fewest bytes more, and how many; NULL: none counts. */
const struct stage *chain_next_by_bytes(const struct chain *chain, uint64_t *ret_left);

/** How many bytes may pass until a stage does something; UINT64_MAX. */
uint64_t stage_left(const struct stage *stage);

/** Whether it has neither a toxic nor anything in flight. */
bool chain_is_idle(const struct chain *chain);

/** Memory of what is in flight. */
size_t chain_load(const struct chain *chain);

/* ---- for types ---- */

/** The first in its queue, if the next stage takes something now; NULL: there is nothing to do. */
struct chunk *stage_head(const struct stage *stage);

/** Passes the first on. */
void stage_pass(struct stage *stage, uint64_t now_ns);

/** Passes on as much of the first: all of it, or less. */
void stage_pass_part(struct stage *stage, size_t n, uint64_t now_ns);

/** Drops the first. */
void stage_drop(struct stage *stage);

/** Passes an end on, behind which nothing of this stage follows. */
void stage_shut(struct stage *stage, enum chunk_kind kind, uint64_t now_ns);

#endif
