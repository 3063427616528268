/* SPDX-License-Identifier: ISC */
/* A task of test_loop that says when it ran. */
#ifndef WEIR_TESTS_JOB_H
#define WEIR_TESTS_JOB_H

#include <stdint.h>

#include "stream/loop.h"

struct job {
	struct task task;
	unsigned runs;
	uint64_t turn; /**< of the loop, when it last ran */
	char name;
	void (*act)(struct job *job); /**< what it does then; may be NULL */
	struct job *other;            /**< for act() */
};

/** The names of the jobs that ran first since the last job_init(), in order. */
extern char job_order[32];

/** Forgets the order too. */
void job_init(struct job *job, char name);

#endif
