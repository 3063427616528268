/* SPDX-License-Identifier: ISC */
/*
 * SIGPIPE belongs to the program: this library neither ignores it nor lets it be raised. Sockets
 * are written to with MSG_NOSIGNAL; this module is for all other fds. stream.h says what it costs.
 */
#ifndef WEIR_STREAM_SIGPIPE_H
#define WEIR_STREAM_SIGPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Whether the program ignores SIGPIPE now. One system call. */
bool sigpipe_is_ignored(void);

/**
 * As write(2), but raises no signal: if nobody reads any more it only fails with EPIPE, whatever
 * the disposition of SIGPIPE.
 */
ssize_t sigpipe_write(int fd, const void *data, size_t len);

#endif
