/* SPDX-License-Identifier: ISC */
/* The command line, with the syntax of Go's flag package: -x V, --x V, -x=V, --x=V; for a switch
 * also -x=false. */
#ifndef WEIR_LAB_OPTIONS_H
#define WEIR_LAB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { OPTIONS_ERROR_MAX = 256 };

struct options {
	const char *host;
	const char *port;
	const char *config; /**< NULL: none */
	const char *run;    /**< a file with a scenario; NULL: none */
	const char *record; /**< a file; NULL: none */
	const char *replay; /**< a file; NULL: none */
	const char *listen; /**< for --record and --replay; NULL: not given */
	const char *upstream;
	uint64_t seed;
	bool has_seed;
	bool proxy_metrics;
	bool runtime_metrics;
	bool version;
	bool help;
};

/** Parses the command line; the texts are borrowed from argv. 0, or -EINVAL and `error`. */
int options_read(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_MAX]);

#endif
