/* SPDX-License-Identifier: ISC */
/*
 * weirctl top: a live screen.
 *
 *	top.c		each second: takes a sample, draws, waits for keys
 *	top_sample.c	samples of weir's numbers, and how fast these grow
 *	top_screen.c	draws the screen
 *	top_keys.c	handles keys
 *	terminal.c	sets up the terminal, and restores it at any end
 */
#ifndef WEIR_CTL_TOP_H
#define WEIR_CTL_TOP_H

#include "ctl/command.h"

/** Runs until a key or a signal ends it. Returns an exit code. With --json prints a line of JSON
 * each second instead. */
int top_run(const struct command_opts *opts);

#endif
