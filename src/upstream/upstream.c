/* SPDX-License-Identifier: ISC */
#include "upstream/upstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MIN_NS ((uint64_t)100 * NS_PER_MS)
#define WAIT_MAX_NS ((uint64_t)NS_PER_S)

/* ---- life ---- */

/** All of it in one piece of memory: the upstream, its servers, its name. */
struct upstream *upstream_new(const struct conf_upstream *conf, struct failures_list *list)
{
	size_t name_size = strlen(conf->name) + 1;
	size_t servers_size = conf->n_servers * sizeof(struct conf_server);
	struct upstream *upstream = calloc(1, sizeof(*upstream) + servers_size + name_size);
	struct conf_server *servers;

	if (upstream == NULL) {
		return NULL;
	}
	servers = (struct conf_server *)(upstream + 1);
	upstream->conf = *conf;
	upstream->conf.servers = servers;
	for (size_t i = 0; i < conf->n_servers; i++) {
		servers[i] = conf->servers[i];
	}
	upstream->conf.name = memcpy(servers + conf->n_servers, conf->name, name_size);
	atomic_init(&upstream->refs, 1);
	failures_init(&upstream->failures, list, upstream->conf.name);
	return upstream;
}

struct upstream *upstream_ref(struct upstream *upstream)
{
	unsigned before = atomic_fetch_add_explicit(&upstream->refs, 1, memory_order_relaxed);

	assert(before > 0);
	(void)before;
	return upstream;
}

struct upstream *upstream_unref(struct upstream *upstream)
{
	/* Whoever gives back the last one must see all that the others did before. */
	if (upstream != NULL &&
		atomic_fetch_sub_explicit(&upstream->refs, 1, memory_order_acq_rel) == 1) {
		failures_fini(&upstream->failures);
		free(upstream);
	}
	return NULL;
}

/* ---- choosing ---- */

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
