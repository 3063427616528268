/* SPDX-License-Identifier: ISC */
/* The table of the commands of weirctl. */
#ifndef WEIR_CTL_COMMANDS_H
#define WEIR_CTL_COMMANDS_H

#include "ctl/command.h"

/** Runs the command `words[0]`; `n` counts its name too. Returns an exit code; errors were
 * reported. */
int commands_run(const struct command_opts *opts, int n, char **words);

/** The name of the `i`-th command; NULL: there are no more. */
const char *commands_name(size_t i);

#endif
