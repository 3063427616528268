/* SPDX-License-Identifier: ISC */
/* A task of test_loop that records when it ran. */
#ifndef WEIR_TESTS_JOB_H
#define WEIR_TESTS_JOB_H

#include <stdint.h>

#include "stream/loop.h"

struct job {
	struct task task;
	unsigned runs;
	uint64_t turn; /**< the turn of the loop in which it last ran */
	char name;
	void (*act)(struct job *job); /**< called when it runs; may be NULL */
	struct job *other;            /**< for act() */
};

/** The names of the jobs in the sequence in which they ran since the last job_init(). */
extern char job_order[32];

/** Sets up a job, and clears job_order. */
void job_init(struct job *job, char name);

#endif
