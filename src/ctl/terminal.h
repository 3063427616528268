/* SPDX-License-Identifier: ISC */
/*
 * The terminal of a program that fills its screen. It is as before however that ends: by a key, by
 * a signal, by a bug. One for the process; curses knows no other.
 */
#ifndef WEIR_CTL_TERMINAL_H
#define WEIR_CTL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/** 0; -ENOTTY, or -ENODEV where $TERM names none that is known. */
int terminal_open(void);
void terminal_close(void);

enum {
	TERMINAL_TIME = -1, /**< the time is over */
	TERMINAL_END = -2,  /**< a signal wants the end, or the terminal is gone */
};

/** A key, as of getch(3), KEY_RESIZE too; or one of these. `until_ns` is of clock_ns(). */
int terminal_key(uint64_t until_ns);

/** The signal that wanted the end; 0: none. */
int terminal_signal(void);

#endif
