/* SPDX-License-Identifier: ISC */
/*
 * Results as one page of HTML, for people: what was tried, the verdict in words, how late closes
 * were, closes over time, the worst connections. It needs nothing from anywhere, runs no script,
 * and every text of a result is escaped.
 */
#ifndef WEIR_LOAD_HTML_H
#define WEIR_LOAD_HTML_H

#include <stddef.h>

struct result;

/**
 * Writes them as sections of one page, in their order, with a table of all where there are several;
 * wholly or not at all. 0 or a negative errno.
 */
int html_write(const char *path, const char *title, const struct result *const *results, size_t n);

#endif
