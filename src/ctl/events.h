/* SPDX-License-Identifier: ISC */
/*
 * weirctl events: prints a line for each event, but the stats only if a filter names them or the
 * output is JSON. It runs until weir ends, stdout is closed by its reader, or SIGINT arrives. It
 * does not reconnect: events that happen between two connections are lost, and reconnecting would
 * hide that.
 */
#ifndef WEIR_CTL_EVENTS_H
#define WEIR_CTL_EVENTS_H

#include "ctl/command.h"

/** Runs the command; `words` are filters. */
command_function events_run;

#endif
