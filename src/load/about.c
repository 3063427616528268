/* SPDX-License-Identifier: ISC */
#include "load/about.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "stream/loop.h"

void about_take(struct about *ret)
{
	time_t now = time(NULL);
	cpu_set_t processors;
	struct tm parts;

	*ret = (struct about){.library = loop_library_version()};
	if (gmtime_r(&now, &parts) != NULL) {
		(void)strftime(ret->date, sizeof(ret->date), "%Y-%m-%dT%H:%M:%SZ", &parts);
	}
	(void)uname(&ret->system); /* EFAULT is the only error */
	if (sched_getaffinity(0, sizeof(processors), &processors) == 0) {
		ret->n_processors = (unsigned)CPU_COUNT(&processors);
	}
}
