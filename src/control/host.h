/* SPDX-License-Identifier: ISC */
/* Checks the Host field of a request, so that a web page cannot read weir's answers through a name
 * that was rebound to weir's address (DNS rebinding). No I/O. Private to control/. */
#ifndef WEIR_CONTROL_HOST_H
#define WEIR_CONTROL_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/span.h"

/**
 * Whether `host` is an IP address, a name without a dot, or one of `names` (in lower case), each
 * with or without a port, and a name with or without the dot of the root at its end.
 */
bool host_is_fit(struct span host, char *const *names, size_t n_names);

#endif
