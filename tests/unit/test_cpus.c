/* SPDX-License-Identifier: ISC */
/* Quotas of cgroups in a folder of the test, and CPU masks of machines that no test runs on. */
#include "service/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "suite.h"

START_TEST(a_quota_is_rounded_up)
{
	ck_assert_uint_eq(cpus_of_quota("100000 100000"), 1);
	ck_assert_uint_eq(cpus_of_quota("150000 100000\n"), 2);
	ck_assert_uint_eq(cpus_of_quota("1000 100000"), 1);
	ck_assert_uint_eq(cpus_of_quota("400000 100000"), 4);
	ck_assert_uint_eq(cpus_of_quota("400001 100000"), 5);
}
END_TEST

START_TEST(no_quota_is_none)
{
	static const char *const none[] = {"max 100000", "-1 100000", "", "x", "100000", "1 0",
		"0 100000", "99999999999999999999999 x"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ck_assert_uint_eq(cpus_of_quota(none[i]), 0);
	}
}
END_TEST

START_TEST(mounts_of_both_kinds_are_found)
{
	struct cpus_mount mount;

	ck_assert(cpus_parse_mount(
		"30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n", &mount));
	ck_assert(mount.is_v2);
	ck_assert_str_eq(mount.root, "/");
	ck_assert_str_eq(mount.point, "/sys/fs/cgroup");
	ck_assert(cpus_parse_mount("32 31 0:29 /docker/a /cg/cpu rw shared:9 master:4 - cgroup cg "
				   "rw,cpu,cpuacct\n",
		&mount));
	ck_assert(!mount.is_v2);
	ck_assert_str_eq(mount.root, "/docker/a");
	ck_assert_str_eq(mount.point, "/cg/cpu");
	ck_assert(!cpus_parse_mount("1 2 0:3 / /x rw - cgroup cgroup rw,cpuset\n", &mount));
	ck_assert(!cpus_parse_mount("1 2 0:3 / /x rw - tmpfs cgroup2 rw,cpu\n", &mount));
	ck_assert(!cpus_parse_mount("nonsense\n", &mount));
	ck_assert(!cpus_parse_mount(" - cgroup2", &mount));
}
END_TEST

START_TEST(the_own_cgroup_is_found)
{
	char path[CPUS_PATH_MAX];

	ck_assert(cpus_parse_cgroup("0::/system.slice/weir.service\n", true, path));
	ck_assert_str_eq(path, "/system.slice/weir.service");
	ck_assert(cpus_parse_cgroup("4:cpu,cpuacct:/a:b\n", false, path));
	ck_assert_str_eq(path, "/a:b");
	ck_assert(cpus_parse_cgroup("4:cpuacct,cpu:/\n", false, path));
	ck_assert(!cpus_parse_cgroup("4:cpuset:/\n", false, path));
	ck_assert(!cpus_parse_cgroup("0::/\n", false, path));
	ck_assert(!cpus_parse_cgroup("4:cpu:/\n", true, path));
	ck_assert(!cpus_parse_cgroup("nonsense", true, path));
}
END_TEST

/* ---- a whole tree ---- */

static char folder[] = "/tmp/weir-test-XXXXXX";

/** Writes a file and creates the folders above it. A %s in `text` stands for the folder. */
static void put(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '@') {
			fputs(folder, file);
		} else {
			fputc(*c, file);
		}
	}
	ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(the_tightest_quota_of_the_path_counts)
{
	put("mountinfo",
		"9 8 0:1 / @ rw - tmpfs x rw\n30 24 0:26 / @/cg rw - cgroup2 cgroup2 rw\n");
	put("cgroup", "0::/a.slice/b.service\n");
	put("cg/a.slice/b.service/cpu.max", "max 100000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 0);
	put("cg/a.slice/b.service/cpu.max", "800000 100000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 8);
	put("cg/a.slice/cpu.max", "250000 100000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 3);
	put("cg/cpu.max", "10000 100000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 1);
	ck_assert_uint_eq(cpus_count(folder), 1);
}
END_TEST

START_TEST(the_older_hierarchy_counts_too)
{
	put("mountinfo", "30 24 0:26 / @/cg rw - cgroup cgroup rw,cpuacct,cpu\n"
			 "31 24 0:27 / @/v2 rw - cgroup2 cgroup2 rw\n");
	put("cgroup", "3:cpuset:/elsewhere\n2:cpu,cpuacct:/a\n0::/\n");
	put("cg/a/cpu.cfs_quota_us", "-1\n");
	put("cg/a/cpu.cfs_period_us", "100000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 0);
	put("cg/a/cpu.cfs_quota_us", "150000\n");
	ck_assert_uint_eq(cpus_of_cgroup(folder), 2);
}
END_TEST

START_TEST(in_a_container_the_mount_may_be_the_own_cgroup)
{
	static const char *const paths[] = {
		"0::/docker/x\n", "0::/docker/x/sub\n", "0::/\n", "0::/../y\n"};

	put("mountinfo", "30 24 0:26 /docker/x @/cg rw - cgroup2 cgroup2 rw\n");
	put("cg/cpu.max", "200000 100000\n");
	put("cgroup", paths[_i]);
	ck_assert_uint_eq(cpus_of_cgroup(folder), 2);
}
END_TEST

START_TEST(without_proc_there_is_no_quota)
{
	ck_assert_uint_eq(cpus_of_cgroup("/nonexistent"), 0);
	ck_assert_uint_eq(cpus_count("/nonexistent"), cpus_of_affinity());
}
END_TEST

/* ---- affinity ---- */

static size_t kernel_cpus; /* 0: the real kernel's */

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);
int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask);

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
{
	if (kernel_cpus == 0) {
		return __real_sched_getaffinity(pid, size, mask);
	}
	if (size * 8 < kernel_cpus) {
		errno = EINVAL;
		return -1;
	}
	CPU_ZERO_S(size, mask);
	for (size_t i = 0; i < kernel_cpus; i++) {
		CPU_SET_S(i, size, mask);
	}
	return 0;
}

START_TEST(more_than_1024_processors_are_counted)
{
	kernel_cpus = 1024;
	ck_assert_uint_eq(cpus_of_affinity(), 1024);
	kernel_cpus = 5000;
	ck_assert_uint_eq(cpus_of_affinity(), 5000);
	ck_assert_uint_eq(cpus_count("/nonexistent"), CPUS_MAX);
	kernel_cpus = 3;
	ck_assert_uint_eq(cpus_of_affinity(), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpus");
	TCase *tc = tcase_create("parse");

	tcase_add_test(tc, a_quota_is_rounded_up);
	tcase_add_test(tc, no_quota_is_none);
	tcase_add_test(tc, mounts_of_both_kinds_are_found);
	tcase_add_test(tc, the_own_cgroup_is_found);
	tcase_add_test(tc, without_proc_there_is_no_quota);
	tcase_add_test(tc, more_than_1024_processors_are_counted);
	suite_add_tcase(suite, tc);
	tc = tcase_create("tree");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_tightest_quota_of_the_path_counts);
	tcase_add_test(tc, the_older_hierarchy_counts_too);
	tcase_add_loop_test(tc, in_a_container_the_mount_may_be_the_own_cgroup, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
