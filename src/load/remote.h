/* SPDX-License-Identifier: ISC */
/*
 * --remote: the server's ends of a run are another weirload's, which obeys this one (obey.h). What
 * they say to each other is in told.h, and how a close is judged then in conn_judge.h.
 *
 * By the main thread: remote_open() before the lanes, a step in each of its ticks, remote_close()
 * when all are over. Calls wait for an answer, at most 10 s.
 */
#ifndef WEIR_LOAD_REMOTE_H
#define WEIR_LOAD_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct run;

struct remote {
	int fd;         /**< -1: none */
	char *line;     /**< heap, of TOLD_LINE_MAX: what came, not all of it taken */
	size_t n_line;  /**< bytes in it */
	size_t n_taken; /**< of them the last answer, with its end */
};

/** Nothing is open yet. */
void remote_init(struct remote *remote);

/**
 * Connects, shows the secret, and lets the run begin there. 0, or a negative errno and ret_why (of
 * OPTIONS_WHY_MAX), which says what to do.
 */
int remote_open(struct remote *remote, struct run *run, char *ret_why);

/** Asks how it is getting on. 0, or a negative errno and ret_why: the serving end is gone. */
int remote_step(struct remote *remote, struct run *run, char *ret_why);

/** Ends the run there: no more is accepted, and all ends are over. As remote_step(). */
int remote_stop(struct remote *remote, struct run *run, char *ret_why);

/** Fetches the ends, when the lanes have ended here, too. As remote_step(). */
int remote_fetch(struct remote *remote, struct run *run, char *ret_why);

void remote_fini(struct remote *remote);

#endif
