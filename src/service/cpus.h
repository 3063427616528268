/* SPDX-License-Identifier: ISC */
/*
 * How many processors there are for weir: those that it may run on, and no more than the time that
 * its cgroup may use. A thread more than that has to share its time, and is stopped with the others
 * when it is used up: then every timer is late.
 */
#ifndef WEIR_SERVICE_CPUS_H
#define WEIR_SERVICE_CPUS_H

#include <stdbool.h>
#include <stddef.h>

enum { CPUS_MAX = 1024 }; /**< as many as `workers` may be */

/** From 1 to CPUS_MAX. `proc` is "/proc/self", but in a test. */
size_t cpus_count(const char *proc);

/** By sched_getaffinity(2), however large the machine's mask is; 1 if it does not say. */
size_t cpus_of_affinity(void);

/**
 * By the quotas of the cgroup and of all above it, the tightest: cpu.max, or cpu.cfs_quota_us in
 * the older hierarchy. 0: there is none.
 */
size_t cpus_of_cgroup(const char *proc);

/**
 * What "150000 100000" allows, rounded up: 2; 0 where there is no quota ("max 100000", "-1 100000")
 * or the text makes no sense.
 */
size_t cpus_of_quota(const char *text);

enum { CPUS_PATH_MAX = 4096 };

/** A place where cgroups that have a quota are mounted. */
struct cpus_mount {
	bool is_v2;
	char root[CPUS_PATH_MAX];  /**< which cgroup is there */
	char point[CPUS_PATH_MAX]; /**< where */
};

/** Whether a line of mountinfo is such a place. */
bool cpus_parse_mount(const char *line, struct cpus_mount *ret_mount);

/** Whether a line of /proc/self/cgroup is for such a place; its path is written to `ret_path`. */
bool cpus_parse_cgroup(const char *line, bool is_v2, char ret_path[CPUS_PATH_MAX]);

#endif
