/* SPDX-License-Identifier: ISC */
/* Notes the timing of one connection, the first that its proxy relays, into a file; when that has
 * ended, so does weirlab. */
#ifndef WEIR_LAB_RECORDER_H
#define WEIR_LAB_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/whole_file.h"
#include "lab/recording.h"

struct lab;

/** Zeroed: none. */
struct recorder {
	struct lab *lab;
	const char *path;       /**< borrowed */
	struct whole_file file; /**< out: NULL: not open */
	struct recording recording;
	uint64_t begun_ns;
	bool is_taken;   /**< by a connection */
	bool is_full;    /**< which was told */
	bool is_written; /**< into the file */
	bool failed;     /**< which was told */
};

/** Opens a file, which takes the place of what is there once it is written and closed. 0 or a
 * negative errno. */
int recorder_open(struct recorder *recorder, struct lab *lab, const char *path);

/** Whether the connection that begins now is the one to record. NULL: it is not. */
bool recorder_take(struct recorder *recorder, uint64_t now_ns);

/** What one of its sides did, which is the sender of this direction. */
void recorder_note(
	struct recorder *recorder, enum direction direction, enum recorded kind, size_t n);

/** The connection has ended: writes the file, and stops the loop. */
void recorder_end(struct recorder *recorder);

/** Idempotent, also on zeroed memory. Without a connection there is no file: an error, which is
 * told. */
void recorder_close(struct recorder *recorder);

#endif
