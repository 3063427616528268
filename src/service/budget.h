/* SPDX-License-Identifier: ISC */
/*
 * File descriptors: what the process may have, what weir itself needs, and so how many pairs fit.
 */
#ifndef WEIR_SERVICE_BUDGET_H
#define WEIR_SERVICE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct conf;

struct budget {
	uint64_t n_fds;     /**< RLIMIT_NOFILE, after raising it to the hard limit */
	uint64_t n_reserve; /**< what weir itself needs */
	size_t n_spares;    /**< for second addresses of names: part of the reserve */
	size_t n_checks;    /**< for checks of servers: part of the reserve */
	size_t n_pipes;     /**< of one worker, for splicing: part of the reserve */
	uint32_t max_pairs; /**< (n_fds - n_reserve) / 2 */
};

/**
 * Raises RLIMIT_NOFILE to its hard limit, and counts what this many workers and listening sockets
 * need, and whatever else is open. 0 or a negative errno.
 */
int budget_take(size_t n_workers, size_t n_sockets, struct budget *ret_budget);

/**
 * Puts pipes for splicing into the reserve: at most PIPES_MAX for a worker and PIPES_MAX_ALL for
 * the process, 1/16 of the fds that are for pairs, and what `max_pairs` pairs (0: as many as fit)
 * leave.
 */
void budget_add_pipes(struct budget *budget, size_t n_workers, uint32_t max_pairs);

/**
 * Puts what names take into the reserve: lookups at once, and spare fds for a second address while
 * the first is tried (at most BUDGET_SPARES_MAX). Each is at most 1/16 of the fds that are for
 * pairs, and what `max_pairs` pairs (0: as many as fit) leave.
 */
void budget_add_names(struct budget *budget, uint32_t max_pairs);

enum { BUDGET_SPARES_MAX = 1024 };

/**
 * Puts what active checks take into the reserve: an fd for each of `n` servers. Those beyond
 * BUDGET_CHECKS_MIN are at most 1/16 of the fds that are for pairs, and what `max_pairs` pairs (0:
 * as many as fit) leave. No more are checked at the same time.
 */
void budget_add_checks(struct budget *budget, size_t n, uint32_t max_pairs);

enum { BUDGET_CHECKS_MIN = 8 };

/** How many fds `max_pairs` pairs need. */
uint64_t budget_needed(const struct budget *budget, uint32_t max_pairs);

enum { BUDGET_REMEDY_MAX = 256 };

/**
 * Why `max_pairs` (0: none was written, and not even one pair fits) do not fit, with both numbers
 * and the remedy, at most BUDGET_REMEDY_MAX bytes.
 */
void budget_explain(const struct budget *budget, uint32_t max_pairs, char *remedy, size_t size);

/**
 * All of this for `conf`: counts, holds its max_pairs against what fits, adds what names take
 * where a server has one, and pipes where it splices, and makes room in the table of fds
 * (base/fds.h: best while there are no threads). 0; -EMFILE with a remedy when the pairs do not
 * fit; or another negative errno and an empty remedy.
 */
int budget_plan(const struct conf *conf, size_t n_workers, size_t n_sockets,
	struct budget *ret_budget, char remedy[BUDGET_REMEDY_MAX]);

/** How many pairs there may be: as `conf` says, or else as many as fit. */
uint32_t budget_max_pairs(const struct budget *budget, const struct conf *conf);

#endif
