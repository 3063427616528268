/* SPDX-License-Identifier: ISC */
/*
 * The sockets that systemd passes (sd_listen_fds(3)), by their FileDescriptorName=. They are kept
 * as they came until the process ends: who accepts from one does so from a copy, so that listeners
 * may come and go. Whether they are what weir can use is found out when a listener asks for them.
 */
#ifndef WEIR_CREW_INHERITED_H
#define WEIR_CREW_INHERITED_H

#include <stddef.h>

#include "base/sockopts.h"

struct inherited_socket {
	int fd;
	char *name; /**< "unknown" where no name was passed */
	/** What it had before us: for who adopts it, then for the worker that accepts from it. */
	struct sockopts_kept kept;
};

struct inherited {
	struct inherited_socket *all;
	size_t n;
	size_t n_others; /**< fds that were open too, for which nobody asked: left as they are */
};

/**
 * Takes them out of the environment; to be called once, before anything else is opened, or a count
 * that is too high would take weir's own fds for inherited ones. 0, or a negative errno when the
 * environment is wrong or there is no memory, which was logged.
 * Sockets for another process are warned of.
 */
int inherited_take(struct inherited *ret_inherited);

/** Closes them. Idempotent. */
void inherited_fini(struct inherited *inherited);

#endif
