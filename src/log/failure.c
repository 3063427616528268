/* SPDX-License-Identifier: ISC */
#include "log/failure.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "log/log.h"

const char *failure_remedy(int err)
{
	switch (err) {
	case -EMFILE:
	case -ENFILE:
		return "raise LimitNOFILE= in the unit (ulimit -n), or lower max_pairs";
	case -EAGAIN:
		return "raise TasksMax= and LimitNPROC= in the unit (ulimit -u), or lower workers; "
		       "if it is memory that is short, free some, or raise MemoryMax= and LimitAS=";
	case -ENOMEM:
		return "free some memory, or raise MemoryMax= and LimitAS= in the unit";
	case -EPERM:
	case -ENOSYS:
		return "a seccomp profile, or an old kernel, refuses this: allow it "
		       "(SystemCallFilter= in the unit, the profile of the container)";
	default:
		return "try again; if it stays so, report it";
	}
}

int failure_find_refused(void)
{
	/* With invalid arguments: a kernel that allows the call answers EBADF, EFAULT or EINVAL. */
	static const struct {
		long number;
		const char *name;
		long args[3];
	} calls[] = {
		{SYS_epoll_create1, "epoll_create1", {-1}},
		{SYS_timerfd_create, "timerfd_create", {-1, -1}},
		{SYS_signalfd4, "signalfd4", {-2}},
		{SYS_eventfd2, "eventfd2", {0, -1}},
		{SYS_pipe2, "pipe2", {0, -1}},
		{SYS_accept4, "accept4", {-1}},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const long *args = calls[i].args;

		if (syscall(calls[i].number, args[0], args[1], args[2], 0) < 0 &&
			(errno == EPERM || errno == ENOSYS)) {
			r = start_failed(calls[i].name, -errno, NULL);
		}
	}
	return r;
}

int start_failed(const char *what, int err, const char *remedy)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "start_failed")) {
		log_str(&line, "what", what);
		log_errno(&line, err);
		log_str(&line, "remedy", remedy != NULL ? remedy : failure_remedy(err));
		log_end(&line);
	}
	return err;
}

void failure_log_lines(enum log_level level, const char *event, const char *text)
{
	struct log_line line;
	const char *error;
	size_t n;

	while ((n = text_next_line(&text, &error)) > 0) {
		if (log_begin(&line, level, event)) {
			log_bytes(&line, "error", error, n);
			log_end(&line);
		}
	}
}
