/* SPDX-License-Identifier: ISC */
/*
 * `weirload serve --secret-file`: the server's ends of runs whose clients are another weirload's,
 * on another host (remote.h). It obeys who shows the secret, one at a time, and nobody else.
 *
 * What it says is told.h's. Everybody is hostile until the secret was shown, and bounded ever
 * after: callers, lines, connections, and how long it waits for a word.
 */
#ifndef WEIR_LOAD_OBEY_H
#define WEIR_LOAD_OBEY_H

struct options;

/** Serves until a signal, or the end of --for. Its exit status. */
int obey_run(const struct options *options);

#endif
