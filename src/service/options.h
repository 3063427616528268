/* SPDX-License-Identifier: ISC */
/* The command line of weir, and of `weir --socket-proxy`. */
#ifndef WEIR_SERVICE_OPTIONS_H
#define WEIR_SERVICE_OPTIONS_H

#include <stdbool.h>

#include "service/socket_proxy.h"

struct options {
	const char *conf_path; /**< NULL: none, with --socket-proxy */
	bool check;
	bool hand_on;
	bool reload;
	struct socket_proxy proxy; /**< of --socket-proxy */
};

/**
 * Reads it; exits where it is wrong, or says all there is to do. False, and the exit code, where
 * that of --socket-proxy is or does.
 */
bool options_parse(int argc, char **argv, struct options *ret_options, int *ret_code);

#endif
