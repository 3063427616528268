/* SPDX-License-Identifier: ISC */
/*
 * The drain of a run: the command that begins it, and the newcomers that are tried from then on. By
 * the main thread, a step in each of its ticks.
 */
#ifndef WEIR_LOAD_DRAIN_RUN_H
#define WEIR_LOAD_DRAIN_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct run;

struct drain_run {
	uint64_t settled_ns; /**< when all were open; 0: not yet */
	pid_t pid;           /**< the command's, and its process group; 0: none runs */
	int status;          /**< of the command: its exit status, 128 and its signal, or -errno */
	int probe_fd;        /**< a newcomer; -1: none */
	uint64_t probe_ns;   /**< when the next one is due */
	uint64_t n_accepted; /**< newcomers that were let in */
	uint64_t n_refused;
	uint64_t n_unanswered;
	int64_t refused_ns; /**< the first refusal, after the beginning; -1: none was */
};

/** Before the first step. */
void drain_run_init(struct drain_run *drain);

/** What is due: waits for --after, starts the command, tries newcomers. True: it begins now. */
bool drain_run_step(struct drain_run *drain, struct run *run);

/** At the end: gives the command 5 s to end by itself, then ends it and what it started. */
void drain_run_fini(struct drain_run *drain);

#endif
