/* SPDX-License-Identifier: ISC */
/*
 * When a toxic of weirlab's own begins and ends: the attributes that all of these have.
 *
 *	BEFORE ── after_ms have passed, or after_bytes, whichever is first ──▶ ON ── for_ms ──▶ OVER
 *	   (neither given: at once)                          (not given: for ever)
 *
 * With scope "connection" both count from when the toxic began on the connection; with "proxy" from
 * when it was made, for all connections at once.
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

/* The first attributes of a type. */
#define TRIGGER_TABLE                                                                              \
	[AFTER_MS] = {.name = "after_ms", .max = TRIGGER_MS_MAX},                                  \
	[AFTER_BYTES] = {.name = "after_bytes", .max = INT64_MAX},                                 \
	[FOR_MS] = {.name = "for_ms", .max = TRIGGER_MS_MAX},                                      \
	[SCOPE] = {.name = "scope", .choices = trigger_scopes}

/**
 * Passes on what comes before it is ON, or when it is OVER. Whether it is ON: then the rest is for
 * the type, which may make the stage's wake_ns earlier.
 */
bool trigger_run(struct stage *stage, uint64_t now_ns);

/** How many bytes may pass until it is ON by after_bytes; UINT64_MAX: it is, or goes by none. */
uint64_t trigger_left(const struct stage *stage);

#endif
