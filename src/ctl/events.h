/* SPDX-License-Identifier: ISC */
/*
 * weirctl events: follows what happens, a line each, until weir ends, nobody reads what is written,
 * or SIGINT. It asks once: what happens while nobody is connected is told to nobody, and a follower
 * that comes again would hide that.
 */
#ifndef WEIR_CTL_EVENTS_H
#define WEIR_CTL_EVENTS_H

#include "ctl/command.h"

/** With the filters in `words`. */
command_function events_run;

#endif
