/* SPDX-License-Identifier: ISC */
/*
 * A TCP address that answers no connect: a listening socket whose queue is full, so that the kernel
 * drops each SYN. Nothing has to run for it.
 */
#ifndef WEIR_LOAD_BLACKHOLE_H
#define WEIR_LOAD_BLACKHOLE_H

#include <stdbool.h>
#include <stdint.h>

struct addr;

struct blackhole {
	int fds[18]; /**< the listening socket, and the connections that fill its queue */
	unsigned n_fds;
	uint32_t n_dropped; /**< SYNs, before anybody else came */
};

/**
 * Listens, and fills its own queue: blocks for 100 ms. 0, or a negative errno and ret_why (of
 * OPTIONS_WHY_MAX). blackhole_close() afterwards, in any case.
 */
int blackhole_open(struct blackhole *hole, const struct addr *addr, char *ret_why);

/** Whether anybody has tried to connect; true where the kernel does not tell. */
bool blackhole_was_tried(const struct blackhole *hole);

/** Closes what is open; nothing of a zeroed one. */
void blackhole_close(struct blackhole *hole);

#endif
