/* SPDX-License-Identifier: ISC */
#include "proxy/failures.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/conf.h"

struct failures {
	struct list link; /**< struct failures_list::all */
	struct failures_list *list;
	const struct conf *conf;
	atomic_bool any;      /**< of `n`, one may not be 0 */
	_Atomic uint32_t n[]; /**< for conf->upstreams: failed since the last look */
};

void failures_list_init(struct failures_list *list)
{
	(void)pthread_mutex_init(&list->lock, NULL); /* glibc's does not fail */
	list_init(&list->all);
}

struct failures *failures_new(struct failures_list *list, const struct conf *conf)
{
	struct failures *failures =
		calloc(1, sizeof(*failures) + conf->n_upstreams * sizeof(failures->n[0]));

	if (failures == NULL) {
		return NULL;
	}
	failures->list = list;
	failures->conf = conf;
	(void)pthread_mutex_lock(&list->lock);
	list_append(&list->all, &failures->link);
	(void)pthread_mutex_unlock(&list->lock);
	return failures;
}

static void tell_upstream(const struct conf_upstream *upstream, uint32_t n)
{
	struct log_line line;

	if (n > FAILURES_WARNED && log_begin(&line, LOG_LEVEL_WARN, "failed_more")) {
		log_str(&line, "upstream", upstream->name);
		log_u64(&line, "pairs", n - FAILURES_WARNED);
		log_end(&line);
	}
}

static void tell_generation(struct failures *failures)
{
	/* The flag first: who counts after this look sets it for the next one. */
	if (!atomic_exchange(&failures->any, false)) {
		return;
	}
	for (size_t i = 0; i < failures->conf->n_upstreams; i++) {
		if (atomic_load(&failures->n[i]) != 0) {
			tell_upstream(
				&failures->conf->upstreams[i], atomic_exchange(&failures->n[i], 0));
		}
	}
}

struct failures *failures_free(struct failures *failures)
{
	if (failures != NULL) {
		(void)pthread_mutex_lock(&failures->list->lock);
		list_remove(&failures->link);
		(void)pthread_mutex_unlock(&failures->list->lock);
		tell_generation(failures);
		free(failures);
	}
	return NULL;
}

bool failures_count(struct failures *failures, const struct conf_upstream *upstream)
{
	ptrdiff_t index = upstream - failures->conf->upstreams;
	uint32_t before;

	assert(index >= 0 && (size_t)index < failures->conf->n_upstreams);
	before = atomic_fetch_add(&failures->n[index], 1);
	atomic_store(&failures->any, true);
	return before < FAILURES_WARNED;
}

void failures_tell(struct failures_list *list)
{
	(void)pthread_mutex_lock(&list->lock);
	list_for_each (link, &list->all) {
		tell_generation(container_of(link, struct failures, link));
	}
	(void)pthread_mutex_unlock(&list->lock);
}
