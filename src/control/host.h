/* SPDX-License-Identifier: ISC */
/* Whether a request may mean this weir by its Host, so that no web page reads it through a name
 * that was rebound to its address. Pure. Private to control/. */
#ifndef WEIR_CONTROL_HOST_H
#define WEIR_CONTROL_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/span.h"

/**
 * Whether `host` is an address, a name without a dot, or one of `names`, which are in lower case;
 * each with or without a port. Anything else is unfit.
 */
bool host_is_fit(struct span host, char *const *names, size_t n_names);

#endif
