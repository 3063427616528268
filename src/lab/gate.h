/* SPDX-License-Identifier: ISC */
/*
 * Whether a proxy accepts clients at a given time, which its toxics refuse, blackhole and flap
 * decide.
 *
 * These toxics act on the proxy and not on bytes, so they affect all connections. Their toxicity
 * must be 0 or 1, because before clients are accepted it cannot be decided which of them to affect;
 * except that of blackhole, which can choose clients by their port. No I/O.
 */
#ifndef WEIR_LAB_GATE_H
#define WEIR_LAB_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct home;
struct toxic;
struct toxic_type;

enum gate {
	GATE_OPEN,
	GATE_DOWN,    /**< the proxy does not listen, and its connections are closed */
	GATE_REFUSED, /**< the proxy does not listen; its connections go on */
	GATE_DEAF,    /**< SYNs of all or some clients are never answered; connections go on */
};

/** The effect of all toxics of the gate. */
struct gate_view {
	enum gate gate;
	double deaf;      /**< the part of the clients whose SYNs are never answered; 0: none */
	uint64_t next_ns; /**< when this may change; NS_NEVER: not by time */
};

/** Whether toxics of this type act on the gate. */
bool gate_has_type(const struct toxic_type *type);

/** Whether such a toxic affects either all clients or none, so that its toxicity is 0 or 1. */
bool gate_hits_all(const struct toxic_type *type);

/**
 * The state of the gate at this time, when `n_bytes` have passed through the proxy. If there are
 * several toxics, the one with the strongest effect counts.
 */
struct gate_view gate_at(const struct home *home, uint64_t n_bytes, uint64_t now_ns);

/** The toxic that closes the proxy's connections next by time, and when; NULL: none does. */
const struct toxic *gate_next_down(const struct home *home, uint64_t now_ns, uint64_t *ret_ns);

/** The flap that begins after the fewest further bytes, and their number as of the last gate_at();
 * NULL: none counts bytes. */
const struct toxic *gate_next_begin(const struct home *home, uint64_t *ret_left);

#endif
