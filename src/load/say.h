/* SPDX-License-Identifier: ISC */
/*
 * Lines for people. Names, addresses and errors come from files and from peers, and may hold
 * anything: whatever a line is made of, it is one line, and drives no terminal (base/character.h).
 */
#ifndef WEIR_LOAD_SAY_H
#define WEIR_LOAD_SAY_H

#include <stdio.h>

/** What of a line is longer is cut off, and "..." stands for it. */
enum { SAY_LINE_MAX = 2048 };

/** Writes a line; `format` does not hold its end. */
__attribute__((format(printf, 2, 3))) void say_line(FILE *out, const char *format, ...);

/** The same on standard error, behind "weirload: ": what is wrong. */
__attribute__((format(printf, 1, 2))) void say_error(const char *format, ...);

#endif
