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

/** The path was bound, not yet listened on: remembers its inode and sets its mode. */
int listen_claim_bound(struct listen_claim *claim, mode_t mode);

/** Sets the mode of the path, if that is still what was bound. 0 or a negative errno. */
int listen_claim_set_mode(const struct listen_claim *claim, mode_t mode);

/** Removes path and lock file, as far as they are ours, and frees. NULL is fine; returns NULL. */
struct listen_claim *listen_claim_free(struct listen_claim *claim);

#endif
