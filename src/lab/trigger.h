/* SPDX-License-Identifier: ISC */
/*
 * When a toxic of weirlab's own types begins and ends: the attributes that all these types have.
 *
 *	BEFORE ── after_ms or after_bytes have passed, whichever is first ──▶ ON ── for_ms ──▶ OVER
 *	   (neither given: at once)                          (not given: for ever)
 *
 * With scope "connection", time and bytes count for each connection, from when the toxic was added
 * to it. With scope "proxy" they count for all connections together, from when the toxic was
 * created. The types of the gate have the same attributes, always with scope "proxy" (gate.c).
 */
#ifndef WEIR_LAB_TRIGGER_H
#define WEIR_LAB_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

struct stage;

enum { AFTER_MS, AFTER_BYTES, FOR_MS, SCOPE, TRIGGER_ATTRIBUTES };

enum trigger_scope { SCOPE_CONNECTION, SCOPE_PROXY };

/** Ten thousand days. */
#define TRIGGER_MS_MAX INT64_C(864000000000)

extern const char *const trigger_scopes[];

/* The first attributes of each of these types. */
#define TRIGGER_TABLE                                                                              \
	[AFTER_MS] = {.name = "after_ms", .max = TRIGGER_MS_MAX},                                  \
	[AFTER_BYTES] = {.name = "after_bytes", .max = INT64_MAX},                                 \
	[FOR_MS] = {.name = "for_ms", .max = TRIGGER_MS_MAX},                                      \
	[SCOPE] = {.name = "scope", .choices = trigger_scopes}

/**
 * Passes everything on while the toxic is BEFORE or OVER. Returns whether it is ON: then the type
 * handles what is left, and may make the stage's wake_ns earlier.
 */
bool trigger_run(struct stage *stage, uint64_t now_ns);

/** How many bytes may pass before it is ON by after_bytes; UINT64_MAX: it is ON, or does not count
 * bytes. */
uint64_t trigger_left(const struct stage *stage);

#endif
