/* SPDX-License-Identifier: ISC */
/*
 * Stopping: the first signal drains, the second ends at once, and when nothing is left the main
 * loop is stopped.
 */
#ifndef WEIR_SERVICE_STOP_H
#define WEIR_SERVICE_STOP_H

#include <stddef.h>

struct conf;
struct loop;
struct proxy_shared;
struct worker;

/** Who is to be stopped, all borrowed; the rest is zeroed at first. */
struct stop {
	struct loop *loop; /**< the main one */
	struct proxy_shared *shared;
	struct worker *workers;
	size_t n_workers;
	unsigned n_signals; /**< that asked to stop */
};

/** A signal asked to stop: drains by `conf` the first time, ends at once the second time. */
void stop_signal(struct stop *stop, const struct conf *conf, int number);

/** A worker has said that nothing is left there: stops the loop if that holds for all. */
void stop_check_quiet(struct stop *stop);

#endif
