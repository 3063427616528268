/* SPDX-License-Identifier: ISC */
/*
 * `weirload serve`: the server alone, for a proxy and a weirload on other hosts. It closes nothing
 * that it is not told to, until Ctrl-C or the end of --for, and then says what it saw.
 */
#ifndef WEIR_LOAD_ALONE_H
#define WEIR_LOAD_ALONE_H

#include <stdint.h>

#include "load/about.h"
#include "load/conn.h"

struct options;

/** What it saw. */
struct alone_results {
	const struct options *options;
	struct about about;
	uint64_t n_accepted;
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end; ours: still open at the end */
	uint64_t n_fins;                     /**< those that had sent FIN */
	uint64_t n_received;                 /**< bytes */
	uint64_t n_sent;
};

/** Serves and reports. Its exit status. */
int alone_run(const struct options *options);

#endif
