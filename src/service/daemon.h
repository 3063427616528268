/* SPDX-License-Identifier: ISC */
/*
 * The process: binds sockets, starts the workers, notifies systemd, waits for signals, drains, and
 * ends.
 */
#ifndef WEIR_SERVICE_DAEMON_H
#define WEIR_SERVICE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct inherited;

struct daemon_opts {
	const struct conf *conf;     /**< a reference, which is taken */
	char *conf_warnings;         /**< from reading it, one on each line; NULL: none. Borrowed */
	const char *conf_path;       /**< path of the file; NULL: there is none to reload */
	struct inherited *inherited; /**< taken */
	uint64_t exit_idle_ns;       /**< ends when no pair was open for this long; or NS_NEVER */
};

/**
 * Runs weir with this config until a signal stops it, or exit_idle_ns ends it. The first SIGTERM,
 * SIGINT or SIGQUIT drains, a second one ends all pairs at once (stop.h). Returns the exit code.
 * *ret_stuck says that a thread could not be ended (a lookup or the start of a child hangs, or the
 * log is not read), so that the caller must use _exit().
 */
int daemon_run(const struct daemon_opts *opts, bool *ret_stuck);

#endif
