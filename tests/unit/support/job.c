/* SPDX-License-Identifier: ISC */
#include "job.h"

#include <string.h>

#include "fixture.h"

char job_order[32];

static void on_job(struct task *task)
{
	struct job *job = container_of(task, struct job, task);
	size_t len = strlen(job_order);

	if (len + 1 < sizeof(job_order)) {
		job_order[len] = job->name;
		job_order[len + 1] = '\0';
	}
	job->runs++;
	job->turn = loop_turns(test_loop);
	if (job->act != NULL) {
		job->act(job);
	}
}

void job_init(struct job *job, char name)
{
	*job = (struct job){.name = name};
	task_init(&job->task, on_job);
	job_order[0] = '\0';
}
