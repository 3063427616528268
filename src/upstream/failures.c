/* SPDX-License-Identifier: ISC */
#include "upstream/failures.h"

#include "log/log.h"

void failures_list_init(struct failures_list *list)
{
	(void)pthread_mutex_init(&list->lock, NULL); /* glibc's does not fail */
	list_init(&list->all);
	atomic_init(&list->any, false);
}

void failures_init(struct failures *failures, struct failures_list *list, const char *upstream)
{
	failures->list = list;
	failures->upstream = upstream;
	atomic_init(&failures->n, 0);
	(void)pthread_mutex_lock(&list->lock);
	list_append(&list->all, &failures->link);
	(void)pthread_mutex_unlock(&list->lock);
}

static void tell(struct failures *failures)
{
	struct log_line line;
	uint32_t n;

	if (atomic_load(&failures->n) == 0) {
		return;
	}
	n = atomic_exchange(&failures->n, 0);
	if (n > FAILURES_WARNED && log_begin(&line, LOG_LEVEL_WARN, "failed_more")) {
		log_str(&line, "upstream", failures->upstream);
		log_u64(&line, "pairs", n - FAILURES_WARNED);
		log_end(&line);
	}
}

void failures_fini(struct failures *failures)
{
	(void)pthread_mutex_lock(&failures->list->lock);
	list_remove(&failures->link);
	(void)pthread_mutex_unlock(&failures->list->lock);
	tell(failures);
}

bool failures_count(struct failures *failures)
{
	uint32_t before = atomic_fetch_add(&failures->n, 1);

	atomic_store(&failures->list->any, true);
	return before < FAILURES_WARNED;
}

void failures_tell(struct failures_list *list)
{
	/* The flag first: a worker that counts after this look sets it for the next one. */
	if (!atomic_exchange(&list->any, false)) {
		return;
	}
	(void)pthread_mutex_lock(&list->lock);
	list_for_each (link, &list->all) {
		tell(container_of(link, struct failures, link));
	}
	(void)pthread_mutex_unlock(&list->lock);
}
