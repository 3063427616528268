/* SPDX-License-Identifier: ISC */
#include "proxy/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

int proxy_shared_init(struct proxy_shared *shared, size_t n_workers)
{
	struct timespec now;
	int r;

	r = groups_init(&shared->groups, shared->resolver, n_workers);
	if (r < 0) {
		return r;
	}
	limits_init(&shared->limits, n_workers);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	shared->started_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	chains_init(&shared->chains);
	shared->n_workers = n_workers;
	r = places_init(&shared->places, n_workers);
	if (r < 0) {
		return r;
	}
	shared->parts = calloc(n_workers, sizeof(struct part *));
	return shared->parts == NULL ? -ENOMEM : 0;
}

void proxy_shared_fini(struct proxy_shared *shared)
{
	free(shared->parts);
	shared->parts = NULL;
	places_fini(&shared->places);
	chains_fini(&shared->chains);
	groups_fini(&shared->groups);
	limits_fini(&shared->limits);
}
