/* SPDX-License-Identifier: ISC */
/* The command line of weir, and of `weir --socket-proxy`. */
#ifndef WEIR_SERVICE_OPTIONS_H
#define WEIR_SERVICE_OPTIONS_H

#include <stdbool.h>

#include "service/socket_proxy.h"

struct options {
	const char *conf_path; /**< NULL: none, with --socket-proxy */
	bool check;
	bool hand_on; /**< with check: writes what was read to stdout, as a tape (trial.h) */
	bool reload;
	struct socket_proxy proxy; /**< for --socket-proxy */
};

/**
 * Parses the command line. If it is wrong, or if printing a text is all that it asks for (--help),
 * exits; with --socket-proxy returns false and *ret_code instead.
 */
bool options_parse(int argc, char **argv, struct options *ret_options, int *ret_code);

#endif
