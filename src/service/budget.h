/* SPDX-License-Identifier: ISC */
/*
 * The budget of file descriptors: how many the process may have, how many weir itself needs (the
 * reserve), and so how many pairs fit.
 *
 * Lookups, second addresses, checks and pipes each get a limited part of the fds: at most 1/16 of
 * those that are not in the reserve yet, and none that `max_pairs` pairs need. If `max_pairs` is 0,
 * the config has no max_pairs: then only the 1/16 limits them, and fewer pairs fit.
 */
#ifndef WEIR_SERVICE_BUDGET_H
#define WEIR_SERVICE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct conf;

struct budget {
	uint64_t n_fds;     /**< RLIMIT_NOFILE, after raising it to the hard limit */
	uint64_t n_reserve; /**< what weir needs besides the pairs */
	size_t n_spares;    /**< for trying second addresses of names; part of the reserve */
	size_t n_checks;    /**< for checks of servers; part of the reserve */
	size_t n_pipes;     /**< of one worker, for splicing; part of the reserve */
	uint32_t max_pairs; /**< (n_fds - n_reserve) / 2 */
};

/**
 * Raises RLIMIT_NOFILE to its hard limit, and makes the reserve: what this many workers and
 * listening sockets need, and a fixed number for everything else. Does not look at the fds that are
 * open. 0 or a negative errno.
 */
int budget_take(size_t n_workers, size_t n_sockets, struct budget *ret_budget);

/** Adds pipes for splicing to the reserve: at most PIPES_MAX (stream/pipe.h) for a worker, and 32
 * for all workers together. They get a limited part of the fds (see above). */
void budget_add_pipes(struct budget *budget, size_t n_workers, uint32_t max_pairs);

/**
 * Adds to the reserve what servers and checks with names need: fds for simultaneous lookups, and
 * spare fds for trying a second address beside the first (at most BUDGET_SPARES_MAX). Each of the
 * two gets a limited part of the fds (see above).
 */
void budget_add_names(struct budget *budget, uint32_t max_pairs);

enum { BUDGET_SPARES_MAX = 1024 };

/**
 * Adds fds for active checks to the reserve, one for each of `n` servers. Beyond BUDGET_CHECKS_MIN
 * they get a limited part of the fds (see above). The number of fds also limits how many servers
 * are checked at the same time.
 */
void budget_add_checks(struct budget *budget, size_t n, uint32_t max_pairs);

enum { BUDGET_CHECKS_MIN = 8 };

/** How many fds the process needs with `max_pairs` pairs: the reserve, and two for each pair. */
uint64_t budget_needed(const struct budget *budget, uint32_t max_pairs);

enum { BUDGET_REMEDY_MAX = 256 };

/**
 * Writes why `max_pairs` (0: the config has none, and not even one pair fits) do not fit: how many
 * fds they need, n_fds, and the remedy. `size` bytes; BUDGET_REMEDY_MAX are enough.
 */
void budget_explain(const struct budget *budget, uint32_t max_pairs, char *remedy, size_t size);

/**
 * Does all of this for `conf`: makes the reserve, with up to BUDGET_CHECKS_MIN checks and, if it
 * discovers servers, fds for DNS; compares its max_pairs with what fits; then adds the other
 * checks, fds for names if a server or a check has one, and pipes if it splices. Enlarges the
 * kernel's table of fds (base/fds.h: best while there are no threads). 0; -EMFILE with a remedy if
 * the pairs do not fit; or another negative errno with an empty remedy.
 */
int budget_plan(const struct conf *conf, size_t n_workers, size_t n_sockets,
	struct budget *ret_budget, char remedy[BUDGET_REMEDY_MAX]);

/** How many pairs there may be: max_pairs of `conf`, or, if it has none, as many as fit. */
uint32_t budget_max_pairs(const struct budget *budget, const struct conf *conf);

#endif
