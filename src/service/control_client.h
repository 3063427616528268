/* SPDX-License-Identifier: ISC */
/* weir --reload: asks the weir that runs, over its control socket (control.h). */
#ifndef WEIR_SERVICE_CONTROL_CLIENT_H
#define WEIR_SERVICE_CONTROL_CLIENT_H

#include <stdio.h>

/**
 * Asks and waits for the answer, whose lines it writes to `out`; what stands in the way of asking
 * goes to `err`. Blocks, CONTROL_CLIENT_WAIT_S at most. The exit code: 0, or 1.
 */
int control_ask(const char *line, FILE *out, FILE *err);

enum {
	CONTROL_CLIENT_WAIT_S = 60,             /**< for a reload behind another one */
	CONTROL_CLIENT_ANSWER_MAX = 512 * 1024, /**< more than weir ever says */
};

#endif
