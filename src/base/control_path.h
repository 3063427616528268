/* SPDX-License-Identifier: ISC */
/* The path of the control socket, for the service, for weirctl and for the config. */
#ifndef WEIR_BASE_CONTROL_PATH_H
#define WEIR_BASE_CONTROL_PATH_H

#include "base/addr.h"

/**
 * The path is `control` in the first folder of $RUNTIME_DIRECTORY. Returns 1, or 0 if that is not
 * set, or a negative errno if it is not an absolute path or too long for a socket.
 */
int control_path(struct addr *ret_addr);

#endif
