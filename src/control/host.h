/* SPDX-License-Identifier: ISC */
/* Whether a request may mean this weir by its Host, so that no web page reads it through a name
 * that was rebound to its address. Pure. Private to control/. */
#ifndef WEIR_CONTROL_HOST_H
#define WEIR_CONTROL_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/span.h"

/**
 * An address, or a name without a dot, or one of these names, which are in lower case; each with a
 * port or without. What is neither is none.
 */
bool host_is_fit(struct span host, char *const *names, size_t n_names);

#endif
