/* SPDX-License-Identifier: ISC */
/*
 * Toxics: what a proxy does to the bytes of one direction. A type says which attributes there are
 * and how a stage of a chain (chain.h) acts; a toxic is one of a proxy's, with its values. The
 * types are in toxic_types.h.
 *
 * A type's calls get the time: they never look at a clock, and know no stream.
 */
#ifndef WEIR_LAB_TOXIC_H
#define WEIR_LAB_TOXIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct stage;

enum direction {
	UPSTREAM,   /**< from the client to the server */
	DOWNSTREAM, /**< from the server to the client */
	DIRECTIONS,
};

enum { TOXIC_ATTRIBUTES_MAX = 8 };

struct attribute {
	const char *name;           /**< NULL ends a table */
	const char *const *choices; /**< texts, of which the value is the index; NULL: a number */
	int64_t value;              /**< where it is not given */
	/* Of weirlab's own types, which refuse what is outside. */
	int64_t min;
	int64_t max;
};

struct toxic_type {
	const char *name;
	struct attribute attributes[TOXIC_ATTRIBUTES_MAX + 1];
	bool is_own; /**< weirlab's own: an attribute that is unknown or out of range is an error */
	/** May be NULL. Its stage is new, or its values have changed. */
	void (*begin)(struct stage *stage, uint64_t now_ns);
	/** NULL: it acts on the proxy, and not on bytes (gate.h).
	 * Passes on what may leave its stage now (stage_pass() and the like), and sets its
	 * wake_ns where something may later. */
	void (*move)(struct stage *stage, uint64_t now_ns);
	/** May be NULL. It is taken away; what is left goes on behind what this passes on. */
	void (*leave)(struct stage *stage, uint64_t now_ns);
	/** May be NULL. How many bytes may pass until it does something; UINT64_MAX. */
	uint64_t (*left)(const struct stage *stage);
	/** What happens at the stage's wake_ns or then, for people; and once it is on, if that is
	 * something else. */
	const char *what;
	const char *what_over;
	size_t room; /**< memory of what is in flight in a stage at most; 0: as usual */
};

struct toxic {
	struct list link; /* of its proxy, one list a direction */
	const struct toxic_type *type;
	enum direction direction;
	double toxicity; /**< the part of the connections that it bites */
	int64_t values[TOXIC_ATTRIBUTES_MAX];
	/* Of a trigger for all connections (trigger.h). */
	uint64_t begun_ns; /**< when it was made */
	uint64_t on_ns;    /**< 0: not yet */
	uint64_t n_passed; /**< bytes */
	uint64_t n_left;   /**< of the gate: bytes until it begins, when that was last looked at */
	char name[];
};

/** With the values that are not given. NULL: no memory. */
struct toxic *toxic_new(
	const struct toxic_type *type, const char *name, enum direction direction, double toxicity);

/** NULL is fine; returns NULL. It must be on no list. */
struct toxic *toxic_free(struct toxic *toxic);

/** "upstream", "downstream". */
const char *direction_text(enum direction direction);

#endif
