/* SPDX-License-Identifier: ISC */
#include "base/fds.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

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
