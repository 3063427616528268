/* SPDX-License-Identifier: ISC */
/*
 * The timing of a connection, without its bytes: when how many came from which side, and how each
 * side ended. As a file:
 *
 *	weirlab recording 1
 *	0s upstream 64
 *	1500us downstream 1448
 *	20ms upstream fin
 *	0s downstream reset
 *
 * The first line is as it stands. Each other one has the time since the line above it, of the first
 * one since the connection began; the direction; and how many bytes were read together, or `fin`,
 * or `reset`. Blank lines and those that begin with '#' say nothing. A file that ends without an
 * end was cut off.
 */
#ifndef WEIR_LAB_RECORDING_H
#define WEIR_LAB_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/toxic.h"

enum {
	RECORDING_EVENTS_MAX = 400 * 1000,        /**< as text less than a text_file may have */
	RECORDING_BYTES_MAX = 1024 * 1024 * 1024, /**< of one event */
	RECORDING_ERROR_MAX = 512,
};

enum recorded { RECORDED_BYTES, RECORDED_FIN, RECORDED_RESET };

struct recorded_event {
	uint64_t at_ns; /**< since the connection began */
	uint32_t n;     /**< of BYTES: from 1 to RECORDING_BYTES_MAX */
	enum direction direction : 2;
	enum recorded kind : 2;
};

/** Zeroed: empty. No event follows a RESET, and none but that the FIN of its direction. */
struct recording {
	struct recorded_event *events;
	size_t n_events;
	size_t room;
	bool has_fin[DIRECTIONS];
	bool has_reset;
};

/**
 * Notes what happened, not before what was noted last. Again a FIN of a direction, and what comes
 * behind a RESET, is nothing. 0, -EFBIG: there are RECORDING_EVENTS_MAX, or -ENOMEM.
 */
int recording_note(struct recording *recording, enum direction direction, enum recorded kind,
	uint32_t n, uint64_t at_ns);

/** Writes all of it. 0 or a negative errno. */
int recording_write(const struct recording *recording, FILE *file);

/** Reads a file into a zeroed one. 0, or -EINVAL and "FILE:LINE: what is wrong". */
int recording_read(struct recording *recording, const char *path, char error[RECORDING_ERROR_MAX]);

/** The same of a text, with a NUL behind its `n` bytes, which is cut to pieces. */
int recording_parse(struct recording *recording, const char *path, char *text, size_t n,
	char error[RECORDING_ERROR_MAX]);

/** Bytes of a direction. */
uint64_t recording_bytes(const struct recording *recording, enum direction direction);

/** Frees the events; then it is empty. */
void recording_free(struct recording *recording);

#endif
