/* SPDX-License-Identifier: ISC */
/* The levels of lines in the log, and how long a line may be. */
#ifndef WEIR_LOG_LEVEL_H
#define WEIR_LOG_LEVEL_H

/** Higher is more talkative. The numbers are ours; the sink maps them to syslog's. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { LOG_LINE_MAX = 2048 };

/** The level's name as in the config ("warn"), and back (-EINVAL when it is none). */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret_level);

#endif
