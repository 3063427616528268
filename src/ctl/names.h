/* SPDX-License-Identifier: ISC */
/* For names that weir does not know: reports the nearest one that it knows. */
#ifndef WEIR_CTL_NAMES_H
#define WEIR_CTL_NAMES_H

#include <stdbool.h>

#include "ctl/ask.h"

/** Reports that there is no server UPSTREAM/NAME, and which one is probably meant. False: there is
 * such a server, or weir does not answer, which was reported. */
bool names_tell_server(const struct ask *ask, const char *server);

/**
 * Whether weir knows the name in a filter of pairs such as "listener=web"; if not, reports that
 * with the nearest name. True for filters that have no name of the config, and if weir does not
 * answer, which was reported.
 */
bool names_check_filter(const struct ask *ask, const char *filter);

#endif
