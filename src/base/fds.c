/* SPDX-License-Identifier: ISC */
#include "base/fds.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
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

void fds_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	/* close(2) then sends RST and throws away what was not sent (tcp(7)). */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
