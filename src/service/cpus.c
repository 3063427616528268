/* SPDX-License-Identifier: ISC */
#include "service/cpus.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"

enum {
	MASK_MAX = 1024 * 1024, /* processors in a mask; Linux has 8,192 today */
};

/** The smaller one; 0 means no quota. */
static size_t tighter(size_t a, size_t b)
{
	if (a == 0 || b == 0) {
		return a + b;
	}
	return a < b ? a : b;
}

size_t cpus_of_affinity(void)
{
	size_t n = 0;

	/* EINVAL: the mask is smaller than the kernel's. */
	for (size_t room = CPU_SETSIZE; n == 0 && room <= MASK_MAX; room *= 2) {
		cpu_set_t *mask = CPU_ALLOC(room);
		size_t size = CPU_ALLOC_SIZE(room);
		int r = mask == NULL ? -ENOMEM : 0;

		if (r == 0 && sched_getaffinity(0, size, mask) < 0) {
			r = -errno;
		}
		if (r == 0) {
			n = (size_t)CPU_COUNT_S(size, mask);
		}
		CPU_FREE(mask);
		if (r < 0 && r != -EINVAL) {
			break;
		}
	}
	return n == 0 ? 1 : n;
}

/* ---- cgroups ---- */

size_t cpus_of_quota(const char *text)
{
	uint64_t quota;
	uint64_t period;

	if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || text[0] == '-' ||
		period == 0 || quota == 0) {
		return 0;
	}
	return (size_t)(quota / period + (quota % period != 0));
}

bool cpus_parse_mount(const char *line, struct cpus_mount *ret_mount)
{
	const char *type = strstr(line, " - ");
	char fs[16];
	char options[CPUS_PATH_MAX];

	static_assert(CPUS_PATH_MAX == 4096, "the widths below");
	if (type == NULL || sscanf(type, " - %15s %*s %4095s", fs, options) != 2 ||
		sscanf(line, "%*s %*s %*s %4095s %4095s", ret_mount->root, ret_mount->point) != 2) {
		return false;
	}
	ret_mount->is_v2 = strcmp(fs, "cgroup2") == 0;
	if (!ret_mount->is_v2 && strcmp(fs, "cgroup") == 0) {
		char *rest = options;
		const char *word;

		while ((word = strsep(&rest, ",")) != NULL) {
			if (strcmp(word, "cpu") == 0) {
				return true;
			}
		}
	}
	return ret_mount->is_v2;
}

bool cpus_parse_cgroup(const char *line, bool is_v2, char ret_path[CPUS_PATH_MAX])
{
	const char *names = strchr(line, ':');
	const char *path = names == NULL ? NULL : strchr(names + 1, ':');
	bool fits;

	if (path == NULL) {
		return false;
	}
	fits = is_v2 && path == names + 1;
	for (const char *name = names; !is_v2 && name < path && !fits; name++) {
		/* "cpu" itself, and not the beginning of "cpuset" or "cpuacct". */
		fits = (*name == ':' || *name == ',') && strncmp(name + 1, "cpu", 3) == 0 &&
		       (name[4] == ',' || name[4] == ':');
	}
	if (!fits || strlen(path + 1) >= CPUS_PATH_MAX) {
		return false;
	}
	strcpy(ret_path, path + 1);
	ret_path[strcspn(ret_path, "\n")] = '\0';
	return true;
}

/** Reads the first line of a file of a cgroup; false: there is none. */
static bool read_value(const char *folder, const char *name, char text[PROC_LINE_MAX])
{
	char path[2 * CPUS_PATH_MAX + PROC_LINE_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return proc_read_line(path, text) == 0;
}

/** The number of processors that the quota of one cgroup allows; 0: it has no quota. */
static size_t quota_of(const char *folder, bool is_v2)
{
	char quota[PROC_LINE_MAX];
	char period[PROC_LINE_MAX];
	char both[2 * PROC_LINE_MAX];

	if (is_v2) {
		return read_value(folder, "cpu.max", quota) ? cpus_of_quota(quota) : 0;
	}
	if (!read_value(folder, "cpu.cfs_quota_us", quota) ||
		!read_value(folder, "cpu.cfs_period_us", period)) {
		return 0;
	}
	(void)snprintf(both, sizeof(both), "%s %s", quota, period);
	return cpus_of_quota(both);
}

/** The number of processors by the tightest quota of the cgroup at `path` and of all its visible
 * ancestors; 0: there is no quota. */
static size_t quota_of_path(const struct cpus_mount *mount, const char *path)
{
	size_t root_len = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	size_t point_len = strlen(mount->point);
	char folder[2 * CPUS_PATH_MAX];
	size_t n = 0;

	/* In a container the path may be that on the host, which is not below the mounted
	 * cgroup. */
	if (strncmp(path, mount->root, root_len) != 0 || strstr(path, "/..") != NULL) {
		path = "";
		root_len = 0;
	}
	(void)snprintf(folder, sizeof(folder), "%s%s", mount->point, path + root_len);
	for (;;) {
		n = tighter(n, quota_of(folder, mount->is_v2));
		if (strlen(folder) <= point_len) {
			return n;
		}
		*strrchr(folder, '/') = '\0';
	}
}

/** The path of this process's cgroup in such a hierarchy; false: it has none. */
static bool find_cgroup(const char *proc, bool is_v2, char ret_path[CPUS_PATH_MAX])
{
	char name[CPUS_PATH_MAX];
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	(void)snprintf(name, sizeof(name), "%s/cgroup", proc);
	file = fopen(name, "re");
	while (file != NULL && !found && getline(&line, &room, file) > 0) {
		found = cpus_parse_cgroup(line, is_v2, ret_path);
	}
	free(line);
	if (file != NULL) {
		fclose(file);
	}
	return found;
}

size_t cpus_of_cgroup(const char *proc)
{
	char name[CPUS_PATH_MAX];
	char path[CPUS_PATH_MAX];
	struct cpus_mount mount;
	char *line = NULL;
	size_t room = 0;
	size_t n = 0;
	FILE *file;

	(void)snprintf(name, sizeof(name), "%s/mountinfo", proc);
	file = fopen(name, "re");
	while (file != NULL && getline(&line, &room, file) > 0) {
		if (cpus_parse_mount(line, &mount) && find_cgroup(proc, mount.is_v2, path)) {
			n = tighter(n, quota_of_path(&mount, path));
		}
	}
	free(line);
	if (file != NULL) {
		fclose(file);
	}
	return n;
}

size_t cpus_count(const char *proc)
{
	return tighter(tighter(cpus_of_affinity(), cpus_of_cgroup(proc)), CPUS_MAX);
}
