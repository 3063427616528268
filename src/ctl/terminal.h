/* SPDX-License-Identifier: ISC */
/*
 * The terminal of a full-screen program. Its settings are restored however the program ends: by a
 * key, a signal or a crash. There is one for the process, because curses supports no more.
 */
#ifndef WEIR_CTL_TERMINAL_H
#define WEIR_CTL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/** Opens it. 0; -ENOTTY; or -ENODEV: the type in $TERM is unknown. */
int terminal_open(void);
void terminal_close(void);

enum {
	TERMINAL_TIME = -1, /**< no key: `until_ns` has passed, or only a part of a key has come */
	TERMINAL_END = -2,  /**< a signal asks the program to end, or the terminal is gone */
};

/** Waits for a key. Returns it as getch(3) does, KEY_RESIZE too, or one of the two values above.
 * `until_ns` is a time of clock_ns(). */
int terminal_key(uint64_t until_ns);

/** The signal that asked the program to end; 0: none. */
int terminal_signal(void);

#endif
