/* SPDX-License-Identifier: ISC */
/*
 * `weirload serve`: only the server, for a proxy and a weirload on other hosts. It ends no
 * connection by itself; with --mode read (the default) or echo, it answers a FIN with its own. At
 * Ctrl-C, or the end of --for, it closes all, and prints what it has counted.
 */
#ifndef WEIR_LOAD_ALONE_H
#define WEIR_LOAD_ALONE_H

#include <stdint.h>

#include "load/about.h"
#include "load/conn.h"

struct options;

/** What the server has counted. */
struct alone_results {
	const struct options *options;
	struct about about;
	uint64_t n_accepted;
	/** By enum conn_end; CONN_END_OURS: still open at the end. */
	uint64_t n_ended[CONN_END_OURS + 1];
	uint64_t n_fins;     /**< connections whose client had sent FIN */
	uint64_t n_received; /**< bytes */
	uint64_t n_sent;
};

/** Serves and reports. Returns the exit status. */
int alone_run(const struct options *options);

#endif
