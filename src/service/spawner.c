/* SPDX-License-Identifier: ISC */
#include "service/spawner.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of <linux/close_range.h>, which does not go with <unistd.h>. */
enum { OWN_TABLE = 1 << 1 };

/** What the thread is told; it shares the memory, but not the fds. */
struct order {
	const char *program;
	char *const *argv;
	pid_t pid;
};

/** A pointer to an order, with an fd beside it if there is one. */
union fd_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* ---- in the thread ---- */

/** Runs the program; its output goes to `output_fd`. 0 or a negative errno. */
static int spawn(struct order *order, int output_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigset_t ignored;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0) {
		return r;
	}
	r = -posix_spawnattr_init(&attributes);
	if (r < 0) {
		posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	(void)sigemptyset(&none);
	(void)sigemptyset(&ignored);
	(void)sigaddset(&ignored, SIGPIPE);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &ignored);
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

/** An order and its fd; NULL at the end. */
static struct order *receive(int fd, int *ret_output_fd)
{
	struct order *order = NULL;
	struct iovec iov = {.iov_base = &order, .iov_len = sizeof(order)};
	union fd_message control = {.space = {0}};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(order)) {
		return NULL;
	}
	*ret_output_fd = -1;
	if (CMSG_FIRSTHDR(&message) != NULL) {
		memcpy(ret_output_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	}
	return order;
}

/** Nothing but stdio and this fd is left, in a table of the thread's own. 0 or a negative errno. */
static int keep_only(int fd)
{
	if (close_range((unsigned)fd + 1, UINT32_MAX, OWN_TABLE) < 0) {
		return -errno;
	}
	if (fd > STDERR_FILENO + 1) {
		(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	}
	return 0;
}

static void *spawner_main(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct order *order;
	int output_fd;
	int alone = keep_only(fd);

	/* The first answer: the table is the thread's own. */
	(void)send(fd, &alone, sizeof(alone), MSG_NOSIGNAL);
	while (alone == 0 && (order = receive(fd, &output_fd)) != NULL) {
		int result = output_fd < 0 ? -EMFILE : spawn(order, output_fd);

		if (output_fd >= 0) {
			close(output_fd);
		}
		(void)send(fd, &result, sizeof(result), MSG_NOSIGNAL);
	}
	if (alone == 0) {
		close(fd);
	}
	return NULL;
}

/* ---- outside ---- */

/** What the thread answers: 0 or a negative errno. */
static int answer(struct spawner *spawner)
{
	int result;
	ssize_t n;

	do {
		n = recv(spawner->fd, &result, sizeof(result), 0);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(result) ? result : -EIO;
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
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&spawner->thread, NULL, spawner_main, (void *)(intptr_t)fds[1]);
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
	struct order order = {.program = program, .argv = argv};
	struct order *at = &order;
	struct iovec iov = {.iov_base = &at, .iov_len = sizeof(at)};
	union fd_message control = {.space = {0}};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	int r;

	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.header), &output_fd, sizeof(int));
	if (!spawner->running) {
		return -ENOSYS;
	}
	if (sendmsg(spawner->fd, &message, MSG_NOSIGNAL) < 0) {
		return -errno;
	}
	r = answer(spawner);
	if (r == 0) {
		*ret_pid = order.pid;
	}
	return r;
}
