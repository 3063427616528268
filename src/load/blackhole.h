/* SPDX-License-Identifier: ISC */
/*
 * A TCP address on which no connect is answered: a listening socket whose accept queue is full, so
 * that the kernel drops each SYN. The kernel does it all; no thread has to run.
 */
#ifndef WEIR_LOAD_BLACKHOLE_H
#define WEIR_LOAD_BLACKHOLE_H

#include <stdbool.h>
#include <stdint.h>

struct addr;

struct blackhole {
	int fds[18]; /**< the listening socket, and the connections that fill its queue */
	unsigned n_fds;
	uint32_t n_dropped; /**< SYNs that were dropped before any other client tried */
};

/**
 * Listens, and fills its accept queue. Blocks for 100 ms. 0, or a negative errno and ret_why (of
 * OPTIONS_WHY_MAX). The caller calls blackhole_close() in any case.
 */
int blackhole_open(struct blackhole *hole, const struct addr *addr, char *ret_why);

/** Whether any client has tried to connect; true also if the kernel does not count that. */
bool blackhole_was_tried(const struct blackhole *hole);

/** Closes all its sockets. Also on zeroed memory. */
void blackhole_close(struct blackhole *hole);

#endif
