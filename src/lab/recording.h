/* SPDX-License-Identifier: ISC */
/*
 * The timing of a connection, without its bytes: when each side sent how many bytes, and how each
 * side ended. The format of a file:
 *
 *	weirlab recording 1
 *	0s upstream 64
 *	1500us downstream 1448
 *	20ms upstream fin
 *	0s downstream reset
 *
 * The first line is always the same. Each other line has the time since the event above it, or, for
 * the first event, since the connection began; then the direction; then how many bytes were read
 * together, or `fin`, or `reset`. Blank lines and lines that begin with '#' are ignored. A file
 * without the last `fin` or `reset` was cut off.
 */
#ifndef WEIR_LAB_RECORDING_H
#define WEIR_LAB_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/toxic.h"

enum {
	RECORDING_EVENTS_MAX = 400 * 1000,        /**< as text these are below TEXT_FILE_MAX */
	RECORDING_BYTES_MAX = 1024 * 1024 * 1024, /**< bytes of one event */
	RECORDING_ERROR_MAX = 512,
};

enum recorded { RECORDED_BYTES, RECORDED_FIN, RECORDED_RESET };

struct recorded_event {
	uint64_t at_ns; /**< since the connection began */
	uint32_t n;     /**< for RECORDED_BYTES: 1 to RECORDING_BYTES_MAX */
	enum direction direction : 2;
	enum recorded kind : 2;
};

/** Zeroed: empty. No event follows a RESET, and after the FIN of a direction that direction has no
 * event but a RESET. */
struct recording {
	struct recorded_event *events;
	size_t n_events;
	size_t room;
	bool has_fin[DIRECTIONS];
	bool has_reset;
};

/**
 * Adds an event, which must not be earlier than the last one. Everything after a RESET is ignored,
 * and everything but a RESET after the FIN of its direction. 0; -EFBIG: there are
 * RECORDING_EVENTS_MAX already; or -ENOMEM.
 */
int recording_note(struct recording *recording, enum direction direction, enum recorded kind,
	uint32_t n, uint64_t at_ns);

/** Writes the recording. 0 or a negative errno. */
int recording_write(const struct recording *recording, FILE *file);

/** Reads a file into a zeroed recording. 0, or -EINVAL and `error`: "FILE:LINE: what is wrong", or
 * "FILE: why" if it cannot be read. */
int recording_read(struct recording *recording, const char *path, char error[RECORDING_ERROR_MAX]);

/** The same for a text of `n` bytes and a NUL, which is modified. */
int recording_parse(struct recording *recording, const char *path, char *text, size_t n,
	char error[RECORDING_ERROR_MAX]);

/** All bytes of a direction. */
uint64_t recording_bytes(const struct recording *recording, enum direction direction);

/** Frees the events; the recording is empty afterwards. */
void recording_free(struct recording *recording);

#endif
