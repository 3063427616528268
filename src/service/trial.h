/* SPDX-License-Identifier: ISC */
/*
 * A trial of the config: the program itself with --check, in a child process. So nothing that may
 * happen while a config is read (libconfig ends its process when memory is short, a file system
 * hangs, a name service crashes) happens to the pairs. The child hands on what it has read, as a
 * tape, so that the config is read once.
 *
 *	trial_open ──▶ child ── a tape on stdout, words on stderr, and its end ──▶ done()
 *	                 └───── TRIAL_LIMIT_S ──▶ given up ─────────────────────────┘
 */
#ifndef WEIR_SERVICE_TRIAL_H
#define WEIR_SERVICE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"
#include "stream/timer.h"

enum {
	TRIAL_LIMIT_S = 10,           /**< a file system that hangs is not waited for any longer */
	TRIAL_WORDS_MAX = 256 * 1024, /**< what it says beyond that is thrown away */
	TRIAL_TAPE_MAX = 64 * 1024 * 1024,
	TRIAL_PROBLEM_MAX = 256,
};

struct spawner;
struct spawner_order;

/** One output of the child. */
struct trial_output {
	int fd; /**< of the pipe, to read from; -1: not open */
	struct watcher watcher;
	char *bytes; /**< `len` of them; NULL: none yet */
	size_t len;
	size_t room;
	size_t max;
	bool is_cut; /**< there was more, or no memory for it */
};

struct trial {
	struct loop *loop; /**< NULL: not open */
	struct spawner *spawner;
	struct spawner_order *order; /**< NULL: it is over */
	struct trial_output tape;    /**< whole if the trial found nothing wrong */
	struct trial_output words;
	struct timer limit;
	char problem[TRIAL_PROBLEM_MAX];
	/**
	 * Once, not from inside trial_open(), after the child has ended or its time is over.
	 * `problem` is NULL if it found nothing wrong, and its words then are warnings; "" if they
	 * say what, or says itself what. May close the trial.
	 */
	void (*done)(struct trial *trial, const char *problem);
};

struct trial_opts {
	struct loop *loop;
	struct spawner *spawner;
	const char *program; /**< NULL: the one that runs */
	const char *path;    /**< of the config */
	void (*done)(struct trial *trial, const char *problem);
};

/** Orders the child. 0 or a negative errno. */
int trial_open(struct trial *trial, const struct trial_opts *opts);

/**
 * Kills the child if it still runs, and does not wait for its end. Idempotent, also on zeroed
 * memory.
 */
void trial_close(struct trial *trial);

#endif
