/* SPDX-License-Identifier: ISC */
/*
 * The drain of a run: the command that starts it, and new connections ("newcomers") that are tried
 * from then on. The main thread does a step in each of its ticks.
 */
#ifndef WEIR_LOAD_DRAIN_RUN_H
#define WEIR_LOAD_DRAIN_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct options;

struct drain_run {
	uint64_t settled_ns; /**< when all were opened, or had failed; 0: not yet */
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

/**
 * Does what is due. When all connections are settled (opened, or failed): waits for --after, writes
 * to *go_ns, which was NS_NEVER, that the drain begins now, starts the command, then tries
 * newcomers.
 */
void drain_run_step(struct drain_run *drain, const struct options *options, bool are_settled,
	_Atomic uint64_t *go_ns);

/** Call it at the end: waits up to 5 s for the command to end, then kills its process group. */
void drain_run_fini(struct drain_run *drain);

#endif
