/* SPDX-License-Identifier: ISC */
/* Shared by listen.c and listen_unix.c: the lock on a path of the file system. */
#ifndef WEIR_STREAM_LISTEN_PRIVATE_H
#define WEIR_STREAM_LISTEN_PRIVATE_H

#include "stream/listen.h"

/**
 * Locks PATH.lock and clears `path`, as listen.h says. 0 or a negative errno and, where it helps,
 * *ret_why.
 */
int listen_claim_new(const char *path, struct listen_claim **ret_claim, const char **ret_why);

/**
 * Binds `fd` to the path, with this access, and keeps an fd of the new file. 0 or a negative errno
 * and, where it helps, *ret_why.
 */
int listen_claim_bind(
	struct listen_claim *claim, int fd, const struct file_access *access, const char **ret_why);

/** Sets mode and owner of the path, if it is still our socket. Returns as listen_claim_bind(). */
int listen_claim_set_access(
	const struct listen_claim *claim, const struct file_access *access, const char **ret_why);

/** Whether the path is not our socket any more. */
bool listen_claim_is_lost(const struct listen_claim *claim);

/** Lets another process take the path although it is in use: listen_yield(). */
void listen_claim_yield(struct listen_claim *claim);

/**
 * Removes the path and the lock file, if they are still ours, and frees. NULL is fine; returns
 * NULL.
 */
struct listen_claim *listen_claim_free(struct listen_claim *claim);

#endif
