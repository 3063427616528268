/* SPDX-License-Identifier: ISC */
/*
 * Writes lines for people to standard error: "weirlab: LEVEL: TEXT". The variable LOG_LEVEL sets
 * the least level, as in toxiproxy. A line that cannot be written at once is dropped, so that a
 * slow reader does not delay the laboratory.
 */
#ifndef WEIR_LAB_SAY_H
#define WEIR_LAB_SAY_H

enum say_level {
	SAY_ERROR,
	SAY_WARN,
	SAY_INFO,
	SAY_DEBUG,
	SAY_TRACE,
	SAY_NOTHING = -1, /**< as the least level: no line is written */
};

/** Sets the least level by its name ("" is info). 0, or -EINVAL: there is no such level. */
int say_set_level(const char *name);

__attribute__((format(printf, 2, 3))) void say(enum say_level level, const char *format, ...);

#endif
