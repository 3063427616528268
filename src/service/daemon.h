/* SPDX-License-Identifier: ISC */
/*
 * The process: binds, starts the workers, tells systemd, waits for signals, drains, ends.
 */
#ifndef WEIR_SERVICE_DAEMON_H
#define WEIR_SERVICE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct inherited;

struct daemon_opts {
	const struct conf *conf;     /**< its reference is taken */
	char *conf_warnings;         /**< of reading it, a line each; NULL: none; taken apart */
	const char *conf_path;       /**< its file; NULL: it has none, and is never read again */
	struct inherited *inherited; /**< taken */
	uint64_t exit_idle_ns;       /**< ends when no pair was open for so long; or NS_NEVER */
};

/**
 * Runs weir with this config until it is stopped by a signal: SIGTERM or SIGINT drains, one more
 * ends at once (stop.h). Returns the exit code; *ret_stuck says that a thread is left that cannot
 * be ended (a lookup that hangs, a log that nobody reads), so that the process must leave by
 * _exit().
 */
int daemon_run(const struct daemon_opts *opts, bool *ret_stuck);

#endif
