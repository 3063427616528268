/* SPDX-License-Identifier: ISC */
/*
 * The sequence of toxics through which the bytes of one direction of a connection pass, with the
 * bytes that are in flight in them. Each toxic is a stage of the chain.
 *
 *	chain_put() ──▶ stage ──▶ stage ──▶ ... ──▶ out ──▶ calls: room(), out()
 *	                  └─ each with a toxic, and a queue before it
 *
 * A chain does no I/O: time is an argument, and its output is passed to callbacks. A stage holds at
 * most the room of its type and one read more. A full stage makes the one before it wait, and
 * chain_room() says how much may be read from the sender. Only toxics drop bytes, and none are
 * reordered: if a stage is removed, its queue passes to the next stage.
 *
 * If an end closes the connection, no bytes follow it, and what is before it does not wait for the
 * receiver any more: a receiver that takes nothing must not keep the connection open. What is still
 * in flight is passed on as the toxics say, and the owner of the chain delivers it.
 *
 * Whether a toxic affects ("bites") a connection depends on its toxicity and the chain's key; a
 * stage that does not bite passes everything on. If memory is short, the connection ends
 * (chain::failed).
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
	CHAIN_ROOM = 64 * 1024, /**< default room of a stage; also that of `out` */
	/** How many chunks pass the whole chain in one run, at most: each costs a system call. */
	CHAIN_RUN_CHUNKS = 64,
};

/** Callbacks. None may call a function of the chain. */
struct chain_calls {
	/** How many bytes the receiver takes now; 0: none, and chain_run() must be called when it
	 * takes some. */
	size_t (*room)(struct chain *chain);
	/** Bytes have passed the whole chain. They may be more than room() said: a chunk is passed
	 * as a whole if there is any room, and without room if an end closes the connection. */
	void (*out)(struct chain *chain, const void *bytes, size_t n);
	/** How many bytes of out() have not left yet, because the receiver takes none. May be NULL:
	 * all have left. */
	size_t (*held)(struct chain *chain);
	/** A trigger for all connections of the proxy begins now (trigger.h). May be NULL. */
	void (*struck)(struct chain *chain);
};

/** A toxic in the chain of one direction. The members for the type are zeroed at first, except
 * since_ns: it is the time at which the stage was added. */
struct stage {
	struct list link; /* struct chain::stages */
	struct chain *chain;
	struct toxic *toxic;
	struct chunks in;
	uint64_t key; /**< for chance.h */
	uint64_t begun_ns;
	uint64_t on_ns; /**< when the trigger began; 0: not yet */
	uint64_t wake_ns;
	const char *what; /**< what happens at wake_ns, for people */
	size_t room;
	bool bites;
	bool is_shut; /**< stage_shut() was called: it drops what follows */
	/** Set by the type in begin(): bytes that leave late must not leave together. */
	bool paces;
	/* For the type. */
	bool is_busy;
	bool is_held;
	uint64_t since_ns;
	uint64_t n_passed; /**< bytes that were passed on; the chain counts them */
	uint64_t turn_ns;
	uint64_t n_turn;
	void *own; /**< freed with the stage */
};

struct chain {
	const struct chain_calls *calls;
	uint64_t key;       /**< for chance.h: made from seed, proxy, connection and direction */
	struct list stages; /* struct stage::link */
	struct chunks out;
	/** Written by out(), when it has sent the bytes: by this time they were surely sent. 0:
	 * nothing was sent yet. */
	uint64_t sent_ns;
	uint64_t n_put; /**< bytes that were put */
	/** Chunks that went to the next step; tells whether a run did something. */
	uint64_t n_moved;
	bool failed;          /**< memory was short */
	bool is_closing;      /**< an end that closes the connection is on its way (see above) */
	bool is_over;         /**< an end has come out, and nothing follows it */
	enum chunk_kind last; /**< that end */
};

/** Sets it up. Cannot fail. */
void chain_init(struct chain *chain, const struct chain_calls *calls, uint64_t key);
void chain_fini(struct chain *chain);

/** Adds a toxic at the end of the chain, which borrows it until chain_remove(). 0 or -ENOMEM. */
int chain_add(struct chain *chain, struct toxic *toxic, uint64_t now_ns);

/** Call it when the values or the toxicity of a toxic have changed. */
void chain_update(struct chain *chain, const struct toxic *toxic, uint64_t now_ns);

/** Removes the toxic; what is in flight in it passes to the next stage. */
void chain_remove(struct chain *chain, const struct toxic *toxic, uint64_t now_ns);

/** How many bytes may be put; 0: none until some have moved on. */
size_t chain_room(const struct chain *chain);

/** Put bytes, or an end, in at the beginning of the chain. */
void chain_put(struct chain *chain, const void *bytes, size_t n, uint64_t now_ns);
void chain_end(struct chain *chain, enum chunk_kind kind, uint64_t now_ns);

/** Moves what may move at this time, up to CHAIN_RUN_CHUNKS chunks that pass the whole chain.
 * Returns when it must be called again; NS_NEVER: not by time. */
uint64_t chain_run(struct chain *chain, uint64_t now_ns);

/** The stage for which chain_run() must be called next, at its wake_ns, as of the last run; NULL:
 * none. */
const struct stage *chain_next(const struct chain *chain);

/** The stage that acts after the fewest further bytes, and their number; NULL: no stage counts
 * bytes. */
const struct stage *chain_next_by_bytes(const struct chain *chain, uint64_t *ret_left);

/** How many bytes may pass before a stage acts; UINT64_MAX: it does not count bytes. */
uint64_t stage_left(const struct stage *stage);

/** Whether what it sends was paced, and must not wait in a queue after it. */
bool chain_is_paced(const struct chain *chain);

/** Whether it has no toxic, and nothing is in flight. */
bool chain_is_idle(const struct chain *chain);

/** The bytes that are in flight. */
size_t chain_bytes(const struct chain *chain);

/* ---- for types ---- */

/** The first chunk in the queue, if the next stage has room; NULL: there is nothing to do. */
struct chunk *stage_head(const struct stage *stage);

/** Passes the first chunk on. */
void stage_pass(struct stage *stage, uint64_t now_ns);

/** Passes on the first `n` bytes of the first chunk, or all of it. */
void stage_pass_part(struct stage *stage, size_t n, uint64_t now_ns);

/** Drops the first chunk. */
void stage_drop(struct stage *stage);

/** Drops what is in the queue, and passes on a new end of this kind. From then on the stage drops
 * everything. Does nothing if the stage is shut already. */
void stage_shut(struct stage *stage, enum chunk_kind kind, uint64_t now_ns);

#endif
