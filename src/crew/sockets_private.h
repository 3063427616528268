/* SPDX-License-Identifier: ISC */
/* Between sockets.c and sockets_bind.c: from the addresses of a config to sockets. */
#ifndef WEIR_CREW_SOCKETS_PRIVATE_H
#define WEIR_CREW_SOCKETS_PRIVATE_H

#include "base/table.h"
#include "crew/sockets.h"

/** What a line of the log says of a socket; what is NULL is left out. */
struct socket_report {
	const char *listener;
	const char *address; /**< as the config has it */
	const char *socket;  /**< an inherited one's own */
	const char *error;   /**< in place of err */
	const char *remedy;
	int err;
};

/** Tells of a failure, where that is wanted. */
void sockets_tell_failure(const struct sockets_opts *opts, const struct socket_report *report);

/** Where a socket is bound, whatever it is; NULL when it is no socket. */
const char *socket_text(int fd, char text[ADDR_TEXT_MAX]);

/** Puts all sockets into a table, by their addresses; nobody wants them yet. 0 or -ENOMEM. */
int sockets_index(struct sockets *sockets, struct table *ret_before);

/**
 * Opens what is wanted and not in `before`; there is room for it. 0 or the first negative errno:
 * every one that cannot be had is told.
 */
int sockets_want(struct sockets *sockets, const struct sockets_opts *opts, struct table *before);

#endif
