/* SPDX-License-Identifier: ISC */
/*
 * weirctl top: a live screen.
 *
 *	top.c		a second after the other: asks, draws, waits for keys
 *	top_sample.c	what weir says, and how fast that grows
 *	top_screen.c	draws it
 *	top_keys.c	what keys do
 *	terminal.c	the terminal, and that it is as before however this ends
 */
#ifndef WEIR_CTL_TOP_H
#define WEIR_CTL_TOP_H

#include "ctl/command.h"

/** Until a key or a signal ends it: an exit code. With --json: a line of JSON each second. */
int top_run(const struct command_opts *opts);

#endif
