/* SPDX-License-Identifier: ISC */
/*
 * Decides whether a proxy accepts clients at a given time, by its toxics of the types refuse,
 * blackhole and flap.
 *
 * These toxics act on the proxy and not on bytes. While a refuse or a flap of toxicity 1 acts, the
 * proxy does not listen. If the toxicity is lower, the proxy listens, and chance chooses clients
 * when they are accepted, as for the toxics of a chain (chain.h). For blackhole the kernel chooses
 * clients by their port. No I/O.
 */
#ifndef WEIR_LAB_GATE_H
#define WEIR_LAB_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct home;
struct toxic;
struct toxic_type;

/** The effect of all toxics of the gate. */
struct gate_view {
	bool is_shut;     /**< the proxy does not listen */
	bool is_down;     /**< a flap is down: gate_closes() may return it */
	double deaf;      /**< the part of the clients whose SYNs are never answered; 0: none */
	uint64_t next_ns; /**< when this may change; NS_NEVER: not by time */
};

/** Whether toxics of this type act on the gate. */
bool gate_has_type(const struct toxic_type *type);

/** The effect of the toxics at this time, when `n_bytes` have passed through the proxy. */
struct gate_view gate_at(const struct home *home, uint64_t n_bytes, uint64_t now_ns);

/* A connection is named by its key for chance.h. */

/** The toxic that does not let this new connection in, as of the last gate_at(); NULL: none. */
const struct toxic *gate_bars(const struct home *home, uint64_t key);

/** The flap for which this connection must be closed, as of the last gate_at(); NULL: none. */
const struct toxic *gate_closes(const struct home *home, uint64_t key);

/** The flap that closes this connection next by time, and when; NULL: none does. */
const struct toxic *gate_next_down(
	const struct home *home, uint64_t key, uint64_t now_ns, uint64_t *ret_ns);

/** Of the flaps that will close this connection, the one that begins after the fewest further
 * bytes, and how many these are as of the last gate_at(); NULL: none counts bytes. */
const struct toxic *gate_next_begin(const struct home *home, uint64_t key, uint64_t *ret_left);

#endif
