/* SPDX-License-Identifier: ISC */
/* Names that weir does not know: tells the nearest one that it does. */
#ifndef WEIR_CTL_NAMES_H
#define WEIR_CTL_NAMES_H

#include <stdbool.h>

#include "ctl/ask.h"

/** Tells that there is no server UP/NAME, and which is most likely meant; false: there is one. */
bool names_tell_server(const struct ask *ask, const char *server);

/**
 * Whether weir knows what a filter of pairs says, "listener=web": if not, that is told with the
 * nearest name. Other filters than those by names of the config are fine.
 */
bool names_check_filter(const struct ask *ask, const char *filter);

#endif
