/* SPDX-License-Identifier: ISC */
/*
 * Whether a proxy lets clients in now, as its toxics refuse, blackhole and flap say.
 *
 * These act on the proxy and not on bytes: for all connections, and whom they would hit cannot be
 * known before a client is accepted, so toxicity is 0 or 1. Pure.
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
	GATE_DOWN,    /**< nobody listens, and connections are closed */
	GATE_REFUSED, /**< nobody listens; connections go on */
	GATE_DEAF,    /**< connects are never answered; connections go on */
};

/** Whether this is a type of toxics of the gate. */
bool gate_has_type(const struct toxic_type *type);

/**
 * The gate at this time, when `n_bytes` have passed through the proxy: of several toxics the one
 * that does most. *ret_next_ns is when it may be another; NS_NEVER.
 */
enum gate gate_at(
	const struct home *home, uint64_t n_bytes, uint64_t now_ns, uint64_t *ret_next_ns);

/** The toxic that closes the proxy's connections next, as far as time alone says, and when; NULL:
 * none does. */
const struct toxic *gate_next_down(const struct home *home, uint64_t now_ns, uint64_t *ret_ns);

/** The flap that begins after the fewest bytes more, and how many, when that was last looked at;
 * NULL: none goes by bytes. */
const struct toxic *gate_next_begin(const struct home *home, uint64_t *ret_left);

#endif
