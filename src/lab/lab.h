/* SPDX-License-Identifier: ISC */
/*
 * What the parts of a laboratory share: its loop, its seed, and its proxies. There is only one
 * thread.
 */
#ifndef WEIR_LAB_LAB_H
#define WEIR_LAB_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct resolver;

struct lab {
	struct loop *loop;
	struct resolver *resolver;
	uint64_t seed;
	bool proxy_metrics;
	bool runtime_metrics;
	struct list proxies; /* struct proxy::link, the oldest first */
	uint64_t n_links;    /**< connections so far; gives each its id */
	struct list cursors; /* struct cursor::link: of iterations over proxies and connections */
};

#endif
