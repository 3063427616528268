/* SPDX-License-Identifier: ISC */
#include "service/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "service/signals.h"

/* Of <linux/close_range.h>, which does not go with <unistd.h>. */
enum { OWN_TABLE = 1 << 1 };

/** What the thread is told; it shares the memory, but not the fds. */
struct spawner_order {
	const char *program;
	char *const *argv;
	pid_t pid;
};

/** A byte with an fd beside it. */
struct fd_message {
	char byte;
	struct iovec iov;
	struct msghdr message;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
};

/** Room for one to be received, or for one to be sent. */
static void fd_message_init(struct fd_message *m)
{
	*m = (struct fd_message){
		.iov = {.iov_base = &m->byte, .iov_len = 1},
		.message =
			{
				.msg_iov = &m->iov,
				.msg_iovlen = 1,
				.msg_control = m->control.space,
				.msg_controllen = sizeof(m->control.space),
			},
	};
}

/* ---- in the thread ---- */

/** Runs the program; its output goes to `output_fd`. 0 or a negative errno. */
static int spawn(struct spawner_order *order, int output_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t blocked;
	sigset_t by_default;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0) {
		return r;
	}
	r = -posix_spawnattr_init(&attributes);
	if (r < 0) {
		posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	signals_of_child(&blocked, &by_default);
	(void)posix_spawnattr_setsigmask(&attributes, &blocked);
	(void)posix_spawnattr_setsigdefault(&attributes, &by_default);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
	if (r == 0) {
		r = -posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
	}
	if (r == 0) {
		r = -posix_spawn(
			&order->pid, order->program, &actions, &attributes, order->argv, environ);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/** The fd of the next order, -1 if it was lost; false at the end. */
static bool receive(int fd, int *ret_output_fd)
{
	struct fd_message m;
	struct cmsghdr *beside;
	ssize_t n;

	fd_message_init(&m);
	do {
		n = recvmsg(fd, &m.message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	*ret_output_fd = -1;
	beside = CMSG_FIRSTHDR(&m.message);
	if (n == 1 && beside != NULL) {
		memcpy(ret_output_fd, CMSG_DATA(beside), sizeof(int));
	}
	return n == 1;
}

/**
 * Nothing but stdio and this fd is left, in a table of the thread's own; which fd it is then. Or a
 * negative errno.
 */
static int keep_only(int fd)
{
#if FDS_HAVE_COPIES
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
#else
	if (close_range((unsigned)fd + 1, UINT32_MAX, OWN_TABLE) < 0) {
		return -errno;
	}
	if (fd > STDERR_FILENO + 1) {
		(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	}
	return fd;
#endif
}

static void tell(struct spawner *spawner, int fd, int result)
{
	atomic_store(&spawner->result, result);
	(void)send(fd, "", 1, MSG_NOSIGNAL);
}

static void *spawner_main(void *arg)
{
	struct spawner *spawner = arg;
	int given = spawner->thread_fd;
	int fd = keep_only(given);
	int output_fd;

	/* The first answer: the table is the thread's own, or why not. */
	tell(spawner, given, fd < 0 ? fd : 0);
	while (fd >= 0 && receive(fd, &output_fd)) {
		int result =
			output_fd < 0 ? -EMFILE : spawn(atomic_load(&spawner->order), output_fd);

		if (output_fd >= 0) {
			close(output_fd);
		}
		tell(spawner, fd, result);
	}
	if (fd >= 0) {
		close(fd);
	}
	return NULL;
}

/* ---- outside ---- */

/** What the thread answers: 0 or a negative errno. */
static int answer(struct spawner *spawner)
{
	char byte;
	ssize_t n;

	do {
		n = recv(spawner->fd, &byte, 1, 0);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? atomic_load(&spawner->result) : -EIO;
}

int spawner_open(struct spawner *spawner)
{
	sigset_t all;
	sigset_t before;
	int fds[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		return -errno;
	}
	spawner->fd = fds[0];
	spawner->thread_fd = fds[1];
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&spawner->thread, NULL, spawner_main, spawner);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	spawner->running = true;
	r = answer(spawner);
	/* The thread has its own by now, or will not need it. */
	close(fds[1]);
	if (r < 0) {
		spawner_close(spawner);
	}
	return r;
}

void spawner_close(struct spawner *spawner)
{
	if (!spawner->running) {
		return;
	}
	close(spawner->fd);
	(void)pthread_join(spawner->thread, NULL);
	*spawner = (struct spawner){0};
}

int spawner_run(struct spawner *spawner, const char *program, char *const argv[], int output_fd,
	pid_t *ret_pid)
{
	struct spawner_order order = {.program = program, .argv = argv};
	struct fd_message m;
	int r;

	fd_message_init(&m);
	m.control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&m.control.header), &output_fd, sizeof(int));
	if (!spawner->running) {
		return -ENOSYS;
	}
	atomic_store(&spawner->order, &order);
	if (sendmsg(spawner->fd, &m.message, MSG_NOSIGNAL) < 0) {
		return -errno;
	}
	r = answer(spawner);
	if (r == 0) {
		*ret_pid = order.pid;
	}
	return r;
}
