/* SPDX-License-Identifier: ISC */
/* Records the timing of one connection, the first that its proxy relays, into a file. When that
 * connection has ended, weirlab ends. */
#ifndef WEIR_LAB_RECORDER_H
#define WEIR_LAB_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/whole_file.h"
#include "lab/recording.h"

struct lab;

/** Zeroed: nothing is recorded. */
struct recorder {
	struct lab *lab;
	const char *path;       /**< borrowed */
	struct whole_file file; /**< its `out` is NULL: not open */
	struct recording recording;
	uint64_t begun_ns;
	bool is_taken;   /**< a connection is being recorded */
	bool is_full;    /**< there is no room or no memory for more events, which was reported */
	bool is_written; /**< the file was written */
	bool failed;     /**< recording failed, and that was reported */
};

/** Opens a file, which replaces an existing one once it was written and closed. 0 or a negative
 * errno. */
int recorder_open(struct recorder *recorder, struct lab *lab, const char *path);

/** Whether the connection that begins now is to be recorded. False if `recorder` is NULL. */
bool recorder_take(struct recorder *recorder, uint64_t now_ns);

/** Notes what the sender of this direction has done. */
void recorder_note(
	struct recorder *recorder, enum direction direction, enum recorded kind, size_t n);

/** Call it when the connection has ended: writes the file, and stops the loop. */
void recorder_end(struct recorder *recorder);

/** Closes it. If no connection was recorded, no file is written, and that is reported as an error.
 * Idempotent, also on zeroed memory. */
void recorder_close(struct recorder *recorder);

#endif
