/* SPDX-License-Identifier: ISC */
/* Families of threads: the main one, and each worker. */
#include <stdio.h>

#include "base/buckets.h"
#include "control/asked.h"
#include "control/metrics.h"
#include "crew/numbers.h"

enum { WORKER_TEXT_MAX = 24 };

/** What the label `worker` says: 0 is the main thread, then come the workers. */
static const char *worker_text(size_t at, char text[WORKER_TEXT_MAX])
{
	if (at == 0) {
		return "main";
	}
	(void)snprintf(text, WORKER_TEXT_MAX, "%zu", at - 1);
	return text;
}

bool metrics_slices(struct metrics *metrics)
{
	const struct control *control = metrics->asked->control;
	struct buckets_read slices = {0};
	char worker[WORKER_TEXT_MAX];

	if (metrics->at == 0) {
		buckets_add_to(&control->slices, &slices);
	} else if (!crew_slices(control->opts.crew, metrics->at - 1, &slices)) {
		return false;
	}
	exposition_buckets(&metrics->text,
		(const struct exposition_label[]){
			{"worker", worker_text(metrics->at++, worker)}, {NULL, NULL}},
		&slices);
	return true;
}
