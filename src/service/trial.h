/* SPDX-License-Identifier: ISC */
/*
 * A trial of the config: the program itself with --check, in a child process. So that nothing that
 * reading a config may do (its file system hangs, a name service crashes) happens to the pairs.
 *
 *	trial_open ──▶ child ── its output, at most TRIAL_OUTPUT_MAX, and its end ──▶ done()
 *	                 └───── TRIAL_LIMIT_S ──▶ given up ────────────────────────────┘
 */
#ifndef WEIR_SERVICE_TRIAL_H
#define WEIR_SERVICE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/loop.h"
#include "stream/timer.h"

enum {
	TRIAL_LIMIT_S = 10, /**< a file system that hangs is not waited for any longer */
	TRIAL_OUTPUT_MAX = 256 * 1024,
	TRIAL_PROBLEM_MAX = 256,
};

struct spawner;
struct spawner_order;

struct trial {
	struct loop *loop; /**< NULL: not open */
	struct spawner *spawner;
	struct spawner_order *order; /**< NULL: it is over */
	int output_fd;               /**< the child's stdout and stderr */
	struct watcher output;
	struct timer limit;
	char *text; /**< what it said, NUL-terminated; n_text bytes */
	size_t n_text;
	char problem[TRIAL_PROBLEM_MAX];
	/**
	 * Once, not from inside trial_open(), after the child has ended or its time is over.
	 * `problem` is NULL if it found nothing wrong, "" if its text says what, or says itself
	 * what. May close the trial.
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
