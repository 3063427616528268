/* SPDX-License-Identifier: ISC */
#include "upstream/readers.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

int readers_init(struct readers *readers, size_t n)
{
	*readers = (struct readers){0};
	readers->all = aligned_alloc(READER_ALIGN, n * sizeof(*readers->all));
	if (readers->all == NULL) {
		return -ENOMEM;
	}
	memset(readers->all, 0, n * sizeof(*readers->all));
	readers->n = n;
	return 0;
}

void readers_fini(struct readers *readers)
{
	free(readers->all);
	*readers = (struct readers){0};
}

void readers_wait(const struct readers *readers)
{
	for (size_t i = 0; i < readers->n; i++) {
		uint64_t n = atomic_load(&readers->all[i].n);

		while (n % 2 == 1 && atomic_load(&readers->all[i].n) == n) {
			(void)sched_yield(); /* perhaps that worker waits for this very processor */
		}
	}
}
