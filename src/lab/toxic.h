/* SPDX-License-Identifier: ISC */
/*
 * A toxic is a fault that a proxy applies to the bytes of one direction. A toxic_type has the
 * attributes, and the functions by which a stage of a chain (chain.h) acts; a toxic belongs to a
 * proxy and has the values of the attributes. The types are in toxic_types.h.
 *
 * The functions of a type get the time as an argument. They read no clock, and do not use streams.
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

enum { TOXIC_ATTRIBUTES_MAX = 8, STREAM_TEXT_MAX = sizeof("downstream") };

struct attribute {
	const char *name;           /**< NULL ends a table */
	const char *const *choices; /**< words, and the value is the index of one; NULL: a number */
	const char *why; /**< why there are no other choices, for an error; may be NULL */
	int64_t value;   /**< the default */
	/* The range, for weirlab's own types, which refuse other values. */
	int64_t min;
	int64_t max;
};

struct toxic_type {
	const char *name;
	struct attribute attributes[TOXIC_ATTRIBUTES_MAX + 1];
	/** Weirlab's own type: an unknown attribute, or a value out of range, is an error. */
	bool is_own;
	/** Called when the stage is new, and when the values have changed. May be NULL. */
	void (*begin)(struct stage *stage, uint64_t now_ns);
	/** Passes on what may leave its stage now (stage_pass() and the like), and sets the stage's
	 * wake_ns if something may leave later. NULL: the type acts on the proxy and not on bytes
	 * (gate.h). */
	void (*move)(struct stage *stage, uint64_t now_ns);
	/** Called before the stage is removed. What is left in its queue follows what this function
	 * passes on. May be NULL. */
	void (*leave)(struct stage *stage, uint64_t now_ns);
	/** How many bytes may pass before it acts; UINT64_MAX: it does not count bytes. May be
	 * NULL. */
	uint64_t (*left)(const struct stage *stage);
	/** For people: what happens at the stage's wake_ns or after left() bytes; `what_over` is
	 * what happens at wake_ns when the toxic is already on, if that differs. */
	const char *what;
	const char *what_over;
	size_t room; /**< the most memory in flight in a stage; 0: CHAIN_ROOM */
};

struct toxic {
	struct list link; /* in struct home::toxics */
	const struct toxic_type *type;
	enum direction direction;
	char stream[STREAM_TEXT_MAX]; /**< the direction, as written in the request */
	/** The share of the connections that it bites, 0 to 1. For toxiproxy's types it may be any
	 * number: more than 1 is all, less than 0 is none. */
	double toxicity;
	int64_t values[TOXIC_ATTRIBUTES_MAX];
	/* For a trigger with scope "proxy" (trigger.h). */
	uint64_t begun_ns; /**< when it was made */
	uint64_t on_ns;    /**< when the trigger began; 0: not yet */
	/** Bytes that have passed the toxic while its trigger was BEFORE or OVER. For a type that
	 * acts on the proxy (gate.h): bytes that had passed through the proxy when the toxic was
	 * made. */
	uint64_t n_passed;
	/* For a type that acts on the proxy, as of the last gate_at(). */
	uint64_t n_left; /**< bytes until it begins */
	bool acts;       /**< whether it affects clients */
	char name[];
};

/** Makes a toxic with the default values. NULL: no memory. */
struct toxic *toxic_new(
	const struct toxic_type *type, const char *name, enum direction direction, double toxicity);

/** Frees a toxic, which must be in no list. NULL is fine; returns NULL. */
struct toxic *toxic_free(struct toxic *toxic);

/** "upstream" or "downstream". */
const char *direction_text(enum direction direction);

#endif
