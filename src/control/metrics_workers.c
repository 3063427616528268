/* SPDX-License-Identifier: ISC */
/* Families of threads: the main thread, and each worker. */
#include <stdio.h>

#include "base/buckets.h"
#include "control/asked.h"
#include "control/metrics.h"
#include "crew/numbers.h"

enum { WORKER_TEXT_MAX = 24 };

/** The label `worker`: at index 0 the main thread, then the workers. */
static const char *worker_text(size_t at, char text[WORKER_TEXT_MAX])
{
	if (at == 0) {
		return "main";
	}
	(void)snprintf(text, WORKER_TEXT_MAX, "%zu", at - 1);
	return text;
}

/** Writes a family with a sample for each worker; `of_main`: and one for the main thread. */
static bool each_thread(struct metrics *metrics, bool of_main,
	void (*write)(struct exposition *text, const struct exposition_label *labels,
		const struct thread_numbers *numbers))
{
	const struct control *control = metrics->asked->control;
	struct thread_numbers numbers;
	char worker[WORKER_TEXT_MAX];
	struct exposition_label labels[] = {{"worker", worker}, {NULL, NULL}};

	if (metrics->at == 0 && !of_main) {
		metrics->at++;
	}
	if (metrics->at == 0) {
		crew_main_numbers(control->opts.crew, &numbers);
		buckets_add_to(&control->slices, &numbers.slices);
	} else if (!crew_worker_numbers(control->opts.crew, metrics->at - 1, &numbers)) {
		return false;
	}
	labels[0].value = worker_text(metrics->at++, worker);
	write(&metrics->text, labels, &numbers);
	return true;
}

static void cpu_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_seconds(text, labels, numbers->cpu_ns);
}

bool metrics_worker_cpu(struct metrics *metrics)
{
	return each_thread(metrics, true, cpu_of);
}

static void delays_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_buckets(text, labels, &numbers->delays);
}

bool metrics_delays(struct metrics *metrics)
{
	return each_thread(metrics, true, delays_of);
}

static void slices_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_buckets(text, labels, &numbers->slices);
}

bool metrics_slices(struct metrics *metrics)
{
	return each_thread(metrics, true, slices_of);
}

static void accepted_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_u64(text, labels, numbers->n_accepted);
}

bool metrics_worker_accepted(struct metrics *metrics)
{
	return each_thread(metrics, false, accepted_of);
}

static void open_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_u64(text, labels, numbers->n_open);
}

bool metrics_worker_open(struct metrics *metrics)
{
	return each_thread(metrics, false, open_of);
}

static void lent_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_u64(text, labels, numbers->n_pipes_lent);
}

bool metrics_pipes_lent(struct metrics *metrics)
{
	return each_thread(metrics, false, lent_of);
}

static void free_of(struct exposition *text, const struct exposition_label *labels,
	const struct thread_numbers *numbers)
{
	exposition_u64(text, labels, numbers->n_pipes_free);
}

bool metrics_pipes_free(struct metrics *metrics)
{
	return each_thread(metrics, false, free_of);
}
