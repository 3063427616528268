/* SPDX-License-Identifier: ISC */
/* The levels of log lines, and the maximum length of a line, without its time and level. */
#ifndef WEIR_LOG_LEVEL_H
#define WEIR_LOG_LEVEL_H

/** Higher is more verbose. The numbers are weir's own; journal.h maps them to syslog's. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { LOG_LINE_MAX = 2048 };

/** The level's name as in the config ("warn"), and the level of a name (-EINVAL: unknown). */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret_level);

#endif
