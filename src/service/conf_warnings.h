/* SPDX-License-Identifier: ISC */
/* The warnings about a config that come up while it is read. They are logged during a start, and
 * after a reload that has succeeded. */
#ifndef WEIR_SERVICE_CONF_WARNINGS_H
#define WEIR_SERVICE_CONF_WARNINGS_H

/** The prefix of each warning that --check prints. */
#define CONF_WARNINGS_PREFIX "warning: "

/** Logs an event for each line, which may have that prefix. NULL is fine. */
void conf_warnings_log(const char *lines);

#endif
