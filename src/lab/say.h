/* SPDX-License-Identifier: ISC */
/*
 * Lines for people, to standard error: "weirlab: LEVEL: TEXT". LOG_LEVEL, as toxiproxy reads it,
 * says which. A reader that is slow costs lines, and no time: what cannot be written is dropped.
 */
#ifndef WEIR_LAB_SAY_H
#define WEIR_LAB_SAY_H

enum say_level {
	SAY_ERROR,
	SAY_WARN,
	SAY_INFO,
	SAY_DEBUG,
	SAY_TRACE,
	SAY_NOTHING = -1, /**< as a bound: no line */
};

/** Reads the name of a level ("" is info). 0 or -EINVAL: there is none of this name. */
int say_set_level(const char *name);

__attribute__((format(printf, 2, 3))) void say(enum say_level level, const char *format, ...);

#endif
