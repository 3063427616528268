/* SPDX-License-Identifier: ISC */
/*
 * Writes lines for people. Names, addresses and errors come from files and from peers, and may
 * contain anything. So each line is escaped (base/character.h): it stays one line, and cannot
 * control a terminal.
 */
#ifndef WEIR_LOAD_SAY_H
#define WEIR_LOAD_SAY_H

#include <stdio.h>

/** A longer line is cut off, and ends with "...". */
enum { SAY_LINE_MAX = 2048 };

/** Writes a line, and adds the line feed. */
__attribute__((format(printf, 2, 3))) void say_line(FILE *out, const char *format, ...);

/** Writes what is wrong to standard error, with "weirload: " before it. */
__attribute__((format(printf, 1, 2))) void say_error(const char *format, ...);

#endif
