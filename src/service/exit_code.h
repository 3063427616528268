/* SPDX-License-Identifier: ISC */
/* The exit codes of weir. */
#ifndef WEIR_SERVICE_EXIT_CODE_H
#define WEIR_SERVICE_EXIT_CODE_H

/** Exit codes; docs/ARCHITECTURE.md and weir(8) list them. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_START = 1, /**< something that weir needs is not available now */
	EXIT_CODE_USAGE = 2,
	/** The config is invalid: no start can succeed until it has been edited (EX_CONFIG). */
	EXIT_CODE_CONFIG = 78,
};

#endif
