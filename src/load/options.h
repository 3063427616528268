/* SPDX-License-Identifier: ISC */
/*
 * The command line of weirload: one table of options (options.c) for parsing, checking and --help.
 *
 * Whatever is wrong with it is told in one line that says what to write instead.
 */
#ifndef WEIR_LOAD_OPTIONS_H
#define WEIR_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

struct scenario;

/** The exit status of weirload. */
enum load_exit {
	LOAD_EXIT_OK = 0,     /**< every limit holds */
	LOAD_EXIT_FAILED = 1, /**< one does not */
	LOAD_EXIT_USAGE =
		2, /**< nothing was measured: usage, budget, a name that does not resolve */
};

/** The two ends of a pair, as the proxy sees them. */
enum load_side { SIDE_CLIENT, SIDE_SERVER };

/** Who sends in trickle. Bits: 1 << enum load_side. */
enum load_direction { DIRECTION_UP = 1, DIRECTION_DOWN = 2, DIRECTION_BOTH = 3 };

enum {
	OPTIONS_SOURCES_MAX = 256,
	OPTIONS_THREADS_MAX = 64,
	OPTIONS_CONNECTIONS_MAX = 10 * 1000 * 1000,
	OPTIONS_WHY_MAX = 512, /**< a line of text, with its NUL */
};

/** Durations are in ns, NS_NEVER where not given. */
struct options {
	const struct scenario *scenario;
	struct addr target; /**< after options_resolve() never a name */
	struct addr serve;
	bool has_serve;
	struct addr *sources; /**< heap; port 0 */
	uint64_t n_sources;
	uint64_t n_connections;
	uint64_t n_threads;
	double ramp; /**< connections opened in a second */
	uint64_t expect_ns;
	uint64_t wait_ns; /**< how long after the expected close is given up on one */
	uint64_t max_late_ns;
	uint64_t max_early;
	uint64_t max_failed;
	uint64_t max_never;
	bool silent;
	uint64_t spread_ns;
	uint64_t every_ns;
	uint64_t for_ns;
	uint64_t direction; /**< enum load_direction */
	uint64_t side;      /**< enum load_side */
	double busy_share;  /**< percent */
	uint64_t message_bytes;
	bool json;
	const char *csv; /**< a path; NULL: none */
};

/**
 * Reads `weirload SCENARIO OPTION ...` (argv[1] is the scenario's name, which was found). 0: go on;
 * 1: --help was printed. -EINVAL: ret_why, of OPTIONS_WHY_MAX, says what is wrong. options_fini()
 * afterwards, in any case.
 */
int options_parse(const struct scenario *scenario, int argc, char **argv,
	struct options *ret_options, char *ret_why);
void options_fini(struct options *options);

/** Looks the target's name up, if it is one; blocks. 0 or -EINVAL and ret_why. */
int options_resolve(struct options *options, char *ret_why);

/** How many of the connections exchange messages; 0 but in the scenario "mixed". */
uint64_t options_busy(const struct options *options);

/** Prints the scenario's --help. */
void options_help(const struct scenario *scenario, FILE *out);

#endif
