/* SPDX-License-Identifier: ISC */
#include "upstream/group.h"

#include "base/clock.h"
#include "upstream/first.h"

#define WAIT_MIN_NS ((uint64_t)100 * NS_PER_MS)
#define WAIT_MAX_NS ((uint64_t)NS_PER_S)

struct server *group_next(const struct group_set *set, struct group_tried *tried)
{
	struct server *server = first_next(set, tried);

	if (server != NULL) {
		tried->n++;
	}
	return server;
}

void group_told(struct server *server, int status)
{
	if (status < 0) {
		(void)atomic_fetch_add_explicit(&server->n_failed, 1, memory_order_relaxed);
	}
}

uint64_t group_wait_ns(const struct group_set *set, unsigned n_retries, uint64_t waited_ns)
{
	uint64_t wait_ns = n_retries < 4 ? WAIT_MIN_NS << n_retries : WAIT_MAX_NS;

	if (set->retry_for_ns == NS_NEVER || waited_ns >= set->retry_for_ns) {
		return NS_NEVER;
	}
	return clock_earlier(wait_ns, set->retry_for_ns - waited_ns);
}
