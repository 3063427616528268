/* SPDX-License-Identifier: ISC */
/*
 * The drain of a run: the command that starts it, and new connections ("newcomers") that are tried
 * from then on. The main thread does a step in each of its ticks.
 */
#ifndef WEIR_LOAD_DRAIN_RUN_H
#define WEIR_LOAD_DRAIN_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct run;

struct drain_run {
	uint64_t settled_ns; /**< when all were open; 0: not yet */
	pid_t pid;           /**< of the command and its process group; 0: none runs */
	int status;          /**< of the command: exit status, 128 plus its signal, or -errno */
	int probe_fd;        /**< the newcomer that is tried; -1: none */
	uint64_t probe_ns;   /**< when the next one is due */
	uint64_t n_accepted; /**< newcomers that were accepted */
	uint64_t n_refused;
	uint64_t n_unanswered;
	int64_t refused_ns; /**< time from the start of the drain to the first refusal; -1: none */
};

/** Sets it up, before the first step. */
void drain_run_init(struct drain_run *drain);

/** Does what is due: waits for --after, starts the command, tries newcomers. True: the drain begins
 * now. */
bool drain_run_step(struct drain_run *drain, struct run *run);

/** Call it at the end: waits up to 5 s for the command to end, then kills its process group. */
void drain_run_fini(struct drain_run *drain);

#endif
