/* SPDX-License-Identifier: ISC */
/*
 * Writes results as one HTML page for people: what was tried, the verdict in words, how late closes
 * were, closes over time, the worst connections. The page loads no other file, runs no script, and
 * every text of a result in it is escaped.
 */
#ifndef WEIR_LOAD_HTML_H
#define WEIR_LOAD_HTML_H

#include <stddef.h>

struct result;

/**
 * Writes the `n` results as sections of one page, with a table of all if there are several. The
 * file is written wholly or not at all. 0 or a negative errno.
 */
int html_write(const char *path, const char *title, const struct result *const *results, size_t n);

#endif
