/* SPDX-License-Identifier: ISC */
/*
 * The limits of listeners, found by the listeners' names, whatever config they come from. One lives
 * as long as anybody holds it: a config that has the name, or a pair that counts under it. So a
 * listener that a reload took out, and a later one put back, still counts its old pairs.
 */
#ifndef WEIR_PROXY_LIMITS_H
#define WEIR_PROXY_LIMITS_H

#include <pthread.h>

#include "proxy/limit.h"

/** All zero at first; nothing is to be freed when every limit was given back. */
struct limits {
	pthread_mutex_t lock; /**< of the tree, and of all counts of references */
	void *tree;           /**< by name */
};

/** The limit of that name, with one more reference; a new one has this maximum. NULL: no memory. */
struct limit *limits_get(struct limits *limits, const char *name, uint32_t max);

/** Gives a reference back; with the last one nothing may be taken of it. NULL is fine. */
void limits_put(struct limits *limits, struct limit *limit);

#endif
