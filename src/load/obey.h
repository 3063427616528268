/* SPDX-License-Identifier: ISC */
/*
 * `weirload serve --secret-file`: the server ends of runs whose clients are in another weirload on
 * another host (remote.h). It obeys one controller at a time, and only one that proves that it has
 * the secret.
 *
 * The protocol is in told.h. A caller is treated as hostile until it has proved the secret. After
 * that everything is still bounded: callers, lines, connections, and how long it waits for a line.
 */
#ifndef WEIR_LOAD_OBEY_H
#define WEIR_LOAD_OBEY_H

struct options;

/** Serves until a signal or the end of --for. Returns the exit status. */
int obey_run(const struct options *options);

#endif
