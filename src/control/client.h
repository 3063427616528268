/* SPDX-License-Identifier: ISC */
/* The other end of the control socket (control.h), for commands: asks the weir that runs. */
#ifndef WEIR_CONTROL_CLIENT_H
#define WEIR_CONTROL_CLIENT_H

#include <stdio.h>

/**
 * Asks and waits for the answer, whose lines it writes to `out`; what stands in the way of asking
 * goes to `err`. Blocks, CONTROL_CLIENT_WAIT_S at most. 0, or a negative errno: it was not done,
 * and the lines say why.
 */
int control_ask(const char *line, FILE *out, FILE *err);

enum {
	CONTROL_CLIENT_WAIT_S = 60,             /**< for a reload behind another one */
	CONTROL_CLIENT_ANSWER_MAX = 512 * 1024, /**< more than weir ever says */
};

#endif
