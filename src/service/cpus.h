/* SPDX-License-Identifier: ISC */
/*
 * How many processors weir can use: those on which it may run, and no more than the CPU time that
 * its cgroup may use. If there were more threads, they would share that time and all be stopped
 * when it is used up, so every timer would be late.
 */
#ifndef WEIR_SERVICE_CPUS_H
#define WEIR_SERVICE_CPUS_H

#include <stdbool.h>
#include <stddef.h>

enum { CPUS_MAX = 1024 }; /**< as many as `workers` may be */

/** The number, from 1 to CPUS_MAX. `proc` is "/proc/self"; tests pass another folder. */
size_t cpus_count(const char *proc);

/** The number by sched_getaffinity(2), however large the machine's mask is; 1 if that call
 * fails. */
size_t cpus_of_affinity(void);

/**
 * The number by the tightest quota of the cgroup and its ancestors: cpu.max, or cpu.cfs_quota_us in
 * cgroup v1. 0: there is no quota.
 */
size_t cpus_of_cgroup(const char *proc);

/**
 * The number that a quota allows, rounded up: 2 for "150000 100000". 0 if there is no quota ("max
 * 100000", "-1 100000") or the text is invalid.
 */
size_t cpus_of_quota(const char *text);

enum { CPUS_PATH_MAX = 4096 };

/** A mount point of a cgroup hierarchy that has CPU quotas. */
struct cpus_mount {
	bool is_v2;
	char root[CPUS_PATH_MAX];  /**< the cgroup that is mounted */
	char point[CPUS_PATH_MAX]; /**< the path at which it is mounted */
};

/** Whether a line of mountinfo is such a mount point. */
bool cpus_parse_mount(const char *line, struct cpus_mount *ret_mount);

/** Whether a line of /proc/self/cgroup belongs to such a hierarchy; if so, the path of the cgroup
 * is written to `ret_path`. */
bool cpus_parse_cgroup(const char *line, bool is_v2, char ret_path[CPUS_PATH_MAX]);

#endif
