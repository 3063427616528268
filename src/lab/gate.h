/* SPDX-License-Identifier: ISC */
/*
 * Whether a proxy accepts clients at a given time, which its toxics refuse, blackhole and flap
 * decide.
 *
 * These toxics act on the proxy and not on bytes, so they affect all connections. Their toxicity
 * must be 0 or 1, because before clients are accepted it cannot be decided which of them to affect.
 * No I/O.
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
	GATE_DEAF,    /**< SYNs are never answered; connections go on */
};

/** Whether toxics of this type act on the gate. */
bool gate_has_type(const struct toxic_type *type);

/**
 * The state of the gate at this time, when `n_bytes` have passed through the proxy. If there are
 * several toxics, the one with the strongest effect counts. *ret_next_ns is when the state may
 * change; NS_NEVER: not by time.
 */
enum gate gate_at(
	const struct home *home, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns);

/** The toxic that closes the proxy's connections next by time, and when; NULL: none does. */
const struct toxic *gate_next_down(const struct home *home, uint64_t now_ns, uint64_t *ret_ns);

/** The flap that begins after the fewest further bytes, and their number as of the last gate_at();
 * NULL: none counts bytes. */
const struct toxic *gate_next_begin(const struct home *home, uint64_t *ret_left);

#endif
