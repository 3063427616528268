/* SPDX-License-Identifier: ISC */
/*
 * --remote: the server ends of a run are in another weirload, which obeys this one (obey.h). The
 * protocol is in told.h; conn_judge.h says how a close is then judged.
 *
 * Main thread only: remote_open() before the lanes start, remote_step() in each tick, remote_stop()
 * and remote_fetch() when all connections are over. Each call blocks until the answer comes, at
 * most 10 s.
 */
#ifndef WEIR_LOAD_REMOTE_H
#define WEIR_LOAD_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct run;

struct remote {
	int fd;         /**< -1: none */
	char *line;     /**< malloc'd, of TOLD_LINE_MAX: bytes that were received */
	size_t n_line;  /**< number of these bytes */
	size_t n_taken; /**< how many of them are the last answer, with its line feed */
};

/** Sets it up, without a connection. */
void remote_init(struct remote *remote);

/**
 * Connects, proves the secret, and starts the run at the serving end. 0, or a negative errno and
 * ret_why (of OPTIONS_WHY_MAX), which says what to do.
 */
int remote_open(struct remote *remote, struct run *run, char *ret_why);

/** Fetches the state of the serving end. 0, or a negative errno and ret_why: the serving end is
 * gone. */
int remote_step(struct remote *remote, struct run *run, char *ret_why);

/** Ends the run at the serving end: it accepts no more, and all its ends are over. Returns like
 * remote_step(). */
int remote_stop(struct remote *remote, struct run *run, char *ret_why);

/** Fetches the results of the server ends; call it when the lanes have ended. Returns like
 * remote_step(). */
int remote_fetch(struct remote *remote, struct run *run, char *ret_why);

void remote_fini(struct remote *remote);

#endif
