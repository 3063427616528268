/* SPDX-License-Identifier: ISC */
/* Where the control socket is: for the service, the command that talks to it, and the config. */
#ifndef WEIR_BASE_CONTROL_PATH_H
#define WEIR_BASE_CONTROL_PATH_H

#include "base/addr.h"

/**
 * `control` in the first folder of $RUNTIME_DIRECTORY. 1, or 0 when that is not set, or a negative
 * errno when it is no absolute path or too long for a socket.
 */
int control_path(struct addr *ret_addr);

#endif
