/* SPDX-License-Identifier: ISC */
/*
 * SIGPIPE is the program's: this library neither ignores it nor lets it be raised. Sockets have
 * MSG_NOSIGNAL; here is what others need. What it costs is written in stream.h.
 */
#ifndef WEIR_STREAM_SIGPIPE_H
#define WEIR_STREAM_SIGPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Whether the program ignores it now. One system call. */
bool sigpipe_is_ignored(void);

/** As write(2), but that nobody who reads is EPIPE and nothing else, whatever SIGPIPE would do. */
ssize_t sigpipe_write(int fd, const void *data, size_t len);

#endif
