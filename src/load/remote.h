/* SPDX-License-Identifier: ISC */
/*
 * --remote: the server ends of a run are in another weirload, which obeys this one (obey.h). The
 * protocol is in told.h; conn_private.h says how a close is then judged.
 *
 * Main thread only: remote_open() before the lanes start, remote_step() in each tick, remote_stop()
 * when the run ends, and remote_fetch() when the lanes have ended. Each call blocks until its
 * answers come: remote_open() and remote_fetch() need several, the others one. Each answer may take
 * 10 s.
 */
#ifndef WEIR_LOAD_REMOTE_H
#define WEIR_LOAD_REMOTE_H

struct run;

/**
 * Connects, proves the secret, and starts the run at the serving end. 0, or a negative errno and
 * ret_why (of OPTIONS_WHY_MAX), which says what to do; but -ENOMEM may leave ret_why as it is. Call
 * remote_close() afterwards, in any case.
 */
int remote_open(struct run *run, char *ret_why);

/** Tells the serving end which clients are over, and fetches its state. 0, or a negative errno and
 * ret_why: the serving end is gone, reports an error, or its answer is malformed. */
int remote_step(struct run *run, char *ret_why);

/** Ends the run at the serving end: it accepts no more, and all its ends are over. Returns like
 * remote_step(). */
int remote_stop(struct run *run, char *ret_why);

/** Fetches the results of the server ends; call it when the lanes have ended. Returns like
 * remote_step(). */
int remote_fetch(struct run *run, char *ret_why);

/** Closes the connection, if there is one. */
void remote_close(struct run *run);

#endif
