/* SPDX-License-Identifier: ISC */
/* Between listen.c and listen_unix.c: the claim on a path of the file system. */
#ifndef WEIR_STREAM_LISTEN_PRIVATE_H
#define WEIR_STREAM_LISTEN_PRIVATE_H

#include "stream/listen.h"

/**
 * Takes PATH.lock and sees to it that nothing is at `path` any more. 0 or a negative errno and,
 * where it helps, *ret_why.
 */
int listen_claim_new(const char *path, struct listen_claim **ret_claim, const char **ret_why);

/**
 * Binds `fd` to the path of the claim, with this access, and takes hold of the file. 0 or a
 * negative errno and, where it helps, *ret_why.
 */
int listen_claim_bind(
	struct listen_claim *claim, int fd, const struct file_access *access, const char **ret_why);

/** Gives the path this access, if it is still what was bound. As listen_claim_bind(). */
int listen_claim_set_access(
	const struct listen_claim *claim, const struct file_access *access, const char **ret_why);

/** Whether the path is not what was bound any more. */
bool listen_claim_is_lost(const struct listen_claim *claim);

/** Lets another process have the path although it is in use: listen_yield(). */
void listen_claim_yield(struct listen_claim *claim);

/** Removes path and lock file, as far as they are ours, and frees. NULL is fine; returns NULL. */
struct listen_claim *listen_claim_free(struct listen_claim *claim);

#endif
