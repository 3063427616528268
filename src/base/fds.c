/* SPDX-License-Identifier: ISC */
#include "base/fds.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/socket.h>
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

	/* close(2) then sends RST and throws away what was not sent (tcp(7)). */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
