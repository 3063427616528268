/* SPDX-License-Identifier: ISC */
/* The families process_*, which all exporters have. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/proc.h"
#include "control/asked.h"
#include "control/metrics.h"

bool metrics_cpu(struct metrics *metrics)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
		exposition_seconds(&metrics->text, NULL,
			(uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec);
	}
	return false;
}

static bool write_memory(struct metrics *metrics, size_t field)
{
	uint64_t pages[2];

	if (proc_read_numbers("/proc/self/statm", pages, 2) == 2) {
		exposition_u64(
			&metrics->text, NULL, pages[field] * (uint64_t)sysconf(_SC_PAGESIZE));
	}
	return false;
}

bool metrics_virtual(struct metrics *metrics)
{
	return write_memory(metrics, 0);
}

bool metrics_resident(struct metrics *metrics)
{
	return write_memory(metrics, 1);
}

static bool write_limit(struct metrics *metrics, int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) == 0) {
		exposition_u64(&metrics->text, NULL, limit.rlim_cur);
	}
	return false;
}

bool metrics_virtual_max(struct metrics *metrics)
{
	return write_limit(metrics, RLIMIT_AS);
}

bool metrics_max_fds(struct metrics *metrics)
{
	return write_limit(metrics, RLIMIT_NOFILE);
}

/** Thousands of pairs have thousands of fds, so they are counted in pieces if the kernel does not
 * report their number. The fd by which they are read is not counted. */
bool metrics_fds(struct metrics *metrics)
{
	int r;

	if (metrics->fds < 0) {
		metrics->fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (metrics->fds < 0) {
			return false;
		}
		if (fds_count_told(metrics->fds, &metrics->n_fds)) {
			exposition_u64(&metrics->text, NULL, metrics->n_fds - 1);
			return false;
		}
	}
	r = fds_count_some(metrics->fds, &metrics->n_fds);
	if (r == 0) {
		exposition_u64(&metrics->text, NULL, metrics->n_fds - 1);
	}
	return r > 0;
}

/** The folder has two links, and one more for each thread. */
bool metrics_threads(struct metrics *metrics)
{
	struct stat tasks;

	if (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2) {
		exposition_u64(&metrics->text, NULL, tasks.st_nlink - 2);
	}
	return false;
}

bool metrics_started(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, (uint64_t)metrics->asked->control->opened_at);
	return false;
}
