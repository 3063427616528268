/* SPDX-License-Identifier: ISC */
#include "log/often.h"

#include "log/log.h"

void often_list_init(struct often_list *list, const char *event, const char *key,
	const char *counts, enum log_level level)
{
	list->event = event;
	list->key = key;
	list->counts = counts;
	list->level = level;
	(void)pthread_mutex_init(&list->lock, NULL); /* glibc's does not fail */
	list_init(&list->all);
	atomic_init(&list->any, false);
}

void often_init(struct often *often, struct often_list *list, const char *name, const char *reason)
{
	often->list = list;
	often->name = name;
	often->reason = reason;
	atomic_init(&often->n, 0);
	(void)pthread_mutex_lock(&list->lock);
	list_append(&list->all, &often->link);
	(void)pthread_mutex_unlock(&list->lock);
}

static void tell(struct often *often)
{
	const struct often_list *list = often->list;
	struct log_line line;
	uint32_t n;

	if (atomic_load(&often->n) == 0) {
		return;
	}
	n = atomic_exchange(&often->n, 0);
	if (n > OFTEN_LINES && log_begin(&line, list->level, list->event)) {
		log_str(&line, list->key, often->name);
		if (often->reason != NULL) {
			log_str(&line, "reason", often->reason);
		}
		log_u64(&line, list->counts, n - OFTEN_LINES);
		log_end(&line);
	}
}

void often_fini(struct often *often)
{
	if (often->list == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&often->list->lock);
	list_remove(&often->link);
	(void)pthread_mutex_unlock(&often->list->lock);
	tell(often);
}

bool often_count(struct often *often)
{
	uint32_t before = atomic_fetch_add(&often->n, 1);

	atomic_store(&often->list->any, true);
	return before < OFTEN_LINES;
}

void often_tell(struct often_list *list)
{
	/* First the flag: a worker that counts after this sets it again for the next second. */
	if (!atomic_exchange(&list->any, false)) {
		return;
	}
	(void)pthread_mutex_lock(&list->lock);
	list_for_each (link, &list->all) {
		tell(container_of(link, struct often, link));
	}
	(void)pthread_mutex_unlock(&list->lock);
}
