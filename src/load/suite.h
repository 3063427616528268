/* SPDX-License-Identifier: ISC */
/*
 * A suite is a file with several scenarios, each of which is run through one or more proxies
 * (weirload-suite(5)).
 *
 *	suite_load	reads the file; every error has its file and line (suite_file.c)
 *	suite_run	runs each scenario through each proxy (suite_run.c)
 *	suite_main	does both, and writes one table or one report of all (suite_tell.c)
 *
 * A row is one scenario through one proxy. If it could not begin, it has a result that says why.
 */
#ifndef WEIR_LOAD_SUITE_H
#define WEIR_LOAD_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text.h"
#include "load/options.h"

struct result;

enum {
	SUITE_ROWS_MAX = 10000,
	SUITE_PROXIES_MAX = 1000, /**< if they run in parallel, each has a thread */
	SUITE_NAME_MAX = 64,
	SUITE_LABEL_MAX = 2 * SUITE_NAME_MAX + 64,
};

struct suite_row {
	const char *proxy; /**< its name, borrowed from the suite */
	const char *name;  /**< name of the scenario, borrowed from the suite */
	size_t proxy_index;
	struct options options;
	char label[SUITE_LABEL_MAX]; /**< prefix of its line of progress */
	struct result *result;       /**< NULL: not run yet, or it has no report */
};

struct suite {
	struct conf_text text; /**< names and values are borrowed from it */
	bool parallel;         /**< the proxies are tested in parallel */
	size_t n_proxies;
	struct suite_row *rows; /**< malloc'd; sorted by scenario, then by proxy, as in the file */
	size_t n_rows;
	int signal; /**< the signal that ended it; 0: none */
};

/**
 * Reads the file that the command line names; `command` is borrowed. 0, or -EINVAL: all errors were
 * written to standard error. The caller calls suite_fini() in any case.
 */
int suite_load(struct suite *suite, const struct options *command);
void suite_fini(struct suite *suite);

/**
 * Runs all rows, one after another, or with `parallel` those of different proxies at the same time.
 * Calls `tell` on the caller's thread with each row that has ended, in the sequence of the rows; it
 * may be NULL. 0, or a negative errno: no row was run.
 */
int suite_run(struct suite *suite, void (*tell)(const struct suite *suite, size_t row));

/** `weirload suite FILE`: the whole command. Returns the exit status. */
int suite_main(const struct options *command);

#endif
