/* SPDX-License-Identifier: ISC */
/* The command line, as Go's flags read it: -x V, --x V, -x=V, --x=V; of a switch also -x=false. */
#ifndef WEIR_LAB_OPTIONS_H
#define WEIR_LAB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { OPTIONS_ERROR_MAX = 256 };

struct options {
	const char *host;
	const char *port;
	const char *config; /**< NULL: none */
	const char *run;    /**< a scenario; NULL: none */
	const char *record; /**< a file; NULL: none */
	const char *replay; /**< a file; NULL: none */
	const char *listen; /**< of a recording, or a replay; NULL: nowhere */
	const char *upstream;
	uint64_t seed;
	bool has_seed;
	bool proxy_metrics;
	bool runtime_metrics;
	bool version;
	bool help;
};

/** The texts are argv's. 0, or -EINVAL and `error`. */
int options_read(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_MAX]);

#endif
