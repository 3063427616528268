/* SPDX-License-Identifier: ISC */
/*
 * A suite: several scenarios through one or more proxies, from a file (weirload-suite(5)).
 *
 *	suite_load	the file, by libconfig: every error with its file and line (suite_file.c)
 *	suite_run	each scenario through each proxy (suite_run.c)
 *	suite_main	both, and one table or one report of all (suite_tell.c)
 *
 * A row is one scenario through one proxy. One that could not begin has a result, too: it says why.
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
	SUITE_PROXIES_MAX = 1000, /**< each has a thread where they run beside each other */
	SUITE_NAME_MAX = 64,
	SUITE_LABEL_MAX = 2 * SUITE_NAME_MAX + 64,
};

struct suite_row {
	const char *proxy; /**< its name; the suite's */
	const char *name;  /**< of the scenario; the suite's */
	size_t proxy_index;
	struct options options;
	char label[SUITE_LABEL_MAX]; /**< of its line of progress */
	struct result *result;       /**< NULL until it was run, and where memory lacked for it */
};

struct suite {
	struct conf_text text; /**< what names and values are borrowed from */
	bool parallel;         /**< the proxies beside each other */
	size_t n_proxies;
	struct suite_row *rows; /**< heap; by scenario, then by proxy, as the file has them */
	size_t n_rows;
	int signal; /**< that ended it; 0: none */
};

/**
 * Reads the file that the command line names; `command` is borrowed. 0, or -EINVAL: all that is
 * wrong was written to standard error. suite_fini() afterwards, in any case.
 */
int suite_load(struct suite *suite, const struct options *command);
void suite_fini(struct suite *suite);

/**
 * Runs all rows, one after another, or those of each proxy beside those of the others. `tell` is
 * called with each row that has ended, in their order, on the caller's thread; it may be NULL. 0 or
 * a negative errno: no row was run.
 */
int suite_run(struct suite *suite, void (*tell)(const struct suite *suite, size_t row));

/** `weirload suite FILE`: all of it. Its exit status. */
int suite_main(const struct options *command);

#endif
