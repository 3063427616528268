/* SPDX-License-Identifier: ISC */
#include "proxy/upstream.h"

#define WAIT_MIN_NS ((uint64_t)100 * NS_PER_MS)
#define WAIT_MAX_NS ((uint64_t)NS_PER_S)

const struct conf_server *upstream_choose(const struct conf_upstream *upstream, size_t n_tried)
{
	return n_tried < upstream->n_servers ? &upstream->servers[n_tried] : NULL;
}

uint64_t upstream_wait_ns(
	const struct conf_upstream *upstream, unsigned n_retries, uint64_t waited_ns)
{
	uint64_t wait_ns = n_retries < 4 ? WAIT_MIN_NS << n_retries : WAIT_MAX_NS;

	if (upstream->retry_for_ns == NS_NEVER || waited_ns >= upstream->retry_for_ns) {
		return NS_NEVER;
	}
	return clock_earlier(wait_ns, upstream->retry_for_ns - waited_ns);
}
