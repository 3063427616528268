/* SPDX-License-Identifier: ISC */
/*
 * A trial runs this program with --check in a child process to check the config. So accidents while
 * a config is read (libconfig ends its process when memory is short, a file system hangs, a name
 * service crashes) do not harm the pairs. The child writes what it has read to its stdout as a tape
 * (conf/tape.h), so that the config is read only once.
 *
 *	trial_open ──▶ child ── a tape on stdout, text on stderr, and its end ──▶ done()
 *	                 └───── TRIAL_LIMIT_S ──▶ given up ─────────────────────────┘
 */
#ifndef WEIR_SERVICE_TRIAL_H
#define WEIR_SERVICE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"
#include "stream/timer.h"

enum {
	TRIAL_LIMIT_S = 10, /**< how long to wait, for example for a file system that hangs */
	/** What the child writes to stderr beyond this many bytes is discarded. */
	TRIAL_WORDS_MAX = 256 * 1024,
	TRIAL_TAPE_MAX = 64 * 1024 * 1024,
	TRIAL_PROBLEM_MAX = 256,
};

struct spawner;
struct spawner_order;

/** One output of the child. */
struct trial_output {
	int fd; /**< the pipe's end for reading; -1: not open */
	struct watcher watcher;
	char *bytes; /**< `len` of them; NULL: none yet */
	size_t len;
	size_t room;
	size_t max;
	bool is_cut; /**< bytes were discarded: too many, or no memory */
};

struct trial {
	struct loop *loop; /**< NULL: not open */
	struct spawner *spawner;
	struct spawner_order *order; /**< NULL: the child has ended or was given up */
	struct trial_output tape;    /**< stdout: a whole tape if the config is valid */
	struct trial_output words;
	struct timer limit;
	char problem[TRIAL_PROBLEM_MAX];
	/**
	 * Called once, not from inside trial_open(), after the child has ended or its time is over.
	 * `problem` is NULL if the config is valid; then `words` are warnings. It is "" if `words`
	 * are the errors. Otherwise it is a text that says why the trial failed. May close the
	 * trial.
	 */
	void (*done)(struct trial *trial, const char *problem);
};

struct trial_opts {
	struct loop *loop;
	struct spawner *spawner;
	const char *program; /**< NULL: the running program; copied, like `path` */
	const char *path;    /**< path of the config */
	void (*done)(struct trial *trial, const char *problem);
};

/** Requests the child. 0 or a negative errno. */
int trial_open(struct trial *trial, const struct trial_opts *opts);

/**
 * Kills the child if it still runs, without waiting for its end. Idempotent, also on zeroed memory.
 */
void trial_close(struct trial *trial);

#endif
