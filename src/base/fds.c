/* SPDX-License-Identifier: ISC */
#include "base/fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ALWAYS_COPIES true
#endif
#elif defined(__SANITIZE_THREAD__)
#define ALWAYS_COPIES true
#endif
#ifndef ALWAYS_COPIES
#define ALWAYS_COPIES false
#endif

enum {
	FDS_ASKED_MAX = 64 * 1024,
	FDS_BYTES = 2048, /* room for some 80 entries */
};

static atomic_bool have_copies = ALWAYS_COPIES;

bool fds_have_copies(void)
{
	return atomic_load_explicit(&have_copies, memory_order_relaxed);
}

void fds_allow_copies(void)
{
	atomic_store(&have_copies, true);
}

void fds_reserve(uint64_t n)
{
	int fd;

	if (n == 0 || n > INT_MAX) {
		return;
	}
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)n - 1);
	if (fd >= 0) {
		close(fd);
	}
}

void fds_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	/* close(2) then sends RST and discards unsent bytes (tcp(7)). */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/** Counts without /proc: tests each fd below the limit, but only the first FDS_ASKED_MAX. */
static size_t count_by_asking(rlim_t limit)
{
	size_t n = 0;

	for (int fd = STDERR_FILENO + 1; fd < FDS_ASKED_MAX && (rlim_t)fd < limit; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

size_t fds_count_open(void)
{
	struct rlimit limit = {.rlim_max = RLIM_INFINITY};
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	size_t n = 0;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (folder == NULL) {
		return count_by_asking(limit.rlim_max);
	}
	while ((entry = readdir(folder)) != NULL) {
		int fd = atoi(entry->d_name);

		n += fd > STDERR_FILENO && fd != dirfd(folder) && (rlim_t)fd < limit.rlim_max;
	}
	closedir(folder);
	return n;
}

bool fds_count_told(int folder, size_t *ret_n)
{
	struct stat stat;

	if (fstat(folder, &stat) < 0 || stat.st_size <= 0) {
		return false;
	}
	*ret_n = (size_t)stat.st_size;
	return true;
}

/*
 * Calls getdents64(2), which reads few entries here. readdir(3) would read a thousand at a time,
 * and each entry costs the kernel a microsecond.
 */
int fds_count_some(int folder, size_t *n)
{
	union {
		struct dirent64 entry;
		char bytes[FDS_BYTES];
	} read;
	ssize_t len = getdents64(folder, &read, sizeof(read));

	for (ssize_t at = 0; at < len;) {
		const struct dirent64 *entry = (const void *)(read.bytes + at);

		*n += entry->d_name[0] != '.';
		at += entry->d_reclen;
	}
	return len < 0 ? -errno : len > 0 ? 1 : 0;
}
