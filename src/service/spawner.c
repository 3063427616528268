/* SPDX-License-Identifier: ISC */
#include "service/spawner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/thread.h"
#include "service/signals.h"

enum {
	OWN_TABLE = 1 << 1, /* of <linux/close_range.h>, which conflicts with <unistd.h> */
	FDS_AT_FIRST = 64 * 1024,
	N_OUTPUTS = 2, /* stdout, stderr */
};

/** The thread reads `program` and `argv`; only the main thread uses all other fields. */
struct spawner_order {
	char *program;
	char *argv[SPAWNER_WORDS_MAX + 1];
	int output_fds[N_OUTPUTS]; /**< duplicates; -1 once the thread has them */
	pid_t pid;                 /**< 0: the child was not started */
	bool given_up;
	void (*ended)(void *owner, int err, int status);
	void *owner;
};

/** A message from the thread: what has happened. */
struct report {
	enum { REPORT_READY, REPORT_BEGUN, REPORT_ENDED } what;
	int err;
	pid_t pid;
};

/** A byte that carries the outputs of a child (SCM_RIGHTS). */
struct fd_message {
	char byte;
	struct iovec iov;
	struct msghdr message;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(N_OUTPUTS * sizeof(int))];
	} control;
};

/** Sets up a message to receive or to send. */
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

/** Runs the program with these outputs. 0 or a negative errno. */
static int spawn(const struct spawner_order *order, const int output_fds[N_OUTPUTS], pid_t *ret_pid)
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
	r = -posix_spawn_file_actions_adddup2(&actions, output_fds[0], STDOUT_FILENO);
	if (r == 0) {
		r = -posix_spawn_file_actions_adddup2(&actions, output_fds[1], STDERR_FILENO);
	}
	if (r == 0) {
		r = -posix_spawn(
			ret_pid, order->program, &actions, &attributes, order->argv, environ);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/** Receives the outputs of the next order, -1 if they were lost. False: the socket is closed. */
static bool receive(int fd, int ret_output_fds[N_OUTPUTS])
{
	struct fd_message m;
	struct cmsghdr *beside;
	ssize_t n;

	fd_message_init(&m);
	do {
		n = recvmsg(fd, &m.message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	for (size_t i = 0; i < N_OUTPUTS; i++) {
		ret_output_fds[i] = -1;
	}
	beside = CMSG_FIRSTHDR(&m.message);
	if (n == 1 && beside != NULL) {
		memcpy(ret_output_fds, CMSG_DATA(beside), beside->cmsg_len - CMSG_LEN(0));
	}
	return n == 1;
}

/** Gives the thread an fd table of its own with only stdio and `fd`. 0 or a negative errno. */
static int own_table(int fd)
{
	struct rlimit limit;

	if (close_range((unsigned)fd + 1, UINT32_MAX, OWN_TABLE) == 0) {
		if (fd > STDERR_FILENO + 1) {
			(void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
		}
		return 0;
	}
	/* Refused, or a kernel before 5.9. Inherited fds with higher numbers stay open, which is
	 * harmless: none belongs to a pair. */
	if (unshare(CLONE_FILES) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return -errno;
	}
	for (int other = STDERR_FILENO + 1; other < FDS_AT_FIRST && (rlim_t)other < limit.rlim_max;
		other++) {
		if (other != fd) {
			(void)close(other);
		}
	}
	return 0;
}

/** Closes all other fds, in a table of the thread's own. If that is impossible, it makes the
 * streams expect copies (fds_allow_copies()), and duplicates the fd. Returns the thread's fd, which
 * may have a new number, or a negative errno. */
static int keep_only(int fd)
{
	if (!fds_have_copies() && own_table(fd) == 0) {
		return fd;
	}
	fds_allow_copies();
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

/** Sends a report. Only if memory is short it waits and tries again; it gives up if the other end
 * is closed. */
static void tell(struct spawner *spawner, int fd, const struct report *report)
{
	struct timespec pause = {.tv_nsec = SPAWNER_AGAIN_MS * NS_PER_MS};

	atomic_fetch_add(&spawner->n_reports, 1);
	while (send(fd, report, sizeof(*report), MSG_NOSIGNAL) < 0 &&
		(errno == ENOBUFS || errno == ENOMEM || errno == EINTR)) {
		(void)nanosleep(&pause, NULL);
	}
}

/** Closes the outputs that are open. */
static void close_outputs(int fds[N_OUTPUTS])
{
	for (size_t i = 0; i < N_OUTPUTS; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
			fds[i] = -1;
		}
	}
}

static void run(struct spawner *spawner, int fd, int output_fds[N_OUTPUTS])
{
	const struct spawner_order *order = atomic_load(&spawner->order);
	struct report begun = {.what = REPORT_BEGUN};
	struct report ended = {.what = REPORT_ENDED};
	siginfo_t info;
	int r;

	/* The last fd is the first to be lost. */
	ended.err = output_fds[N_OUTPUTS - 1] < 0 ? -EMFILE : spawn(order, output_fds, &begun.pid);
	close_outputs(output_fds);
	if (ended.err == 0) {
		tell(spawner, fd, &begun);
		do {
			r = waitid(P_PID, (id_t)begun.pid, &info, WEXITED | WNOWAIT);
		} while (r < 0 && errno == EINTR);
	}
	tell(spawner, fd, &ended);
}

static void *spawner_main(void *arg)
{
	struct spawner *spawner = arg;
	int given = spawner->thread_fd;
	int fd = keep_only(given);
	struct report ready = {.what = REPORT_READY, .err = fd < 0 ? fd : 0};
	int output_fds[N_OUTPUTS];

	tell(spawner, given, &ready);
	while (fd >= 0 && receive(fd, output_fds)) {
		run(spawner, fd, output_fds);
	}
	if (fd >= 0) {
		close(fd);
	}
	return NULL;
}

/* ---- orders ---- */

static struct spawner_order *order_free(struct spawner_order *order)
{
	if (order == NULL) {
		return NULL;
	}
	close_outputs(order->output_fds);
	for (size_t i = 0; order->argv[i] != NULL; i++) {
		free(order->argv[i]);
	}
	free(order->program);
	free(order);
	return NULL;
}

/** Makes an order. NULL with errno set: it cannot. */
static struct spawner_order *order_new(const struct spawner_opts *opts)
{
	struct spawner_order *order = calloc(1, sizeof(*order));

	if (order == NULL) {
		return NULL;
	}
	order->ended = opts->ended;
	order->owner = opts->owner;
	order->output_fds[0] = fcntl(opts->output_fd, F_DUPFD_CLOEXEC, 0);
	order->output_fds[1] = fcntl(opts->error_fd, F_DUPFD_CLOEXEC, 0);
	if (order->output_fds[0] >= 0 && order->output_fds[1] >= 0) {
		order->program = strdup(opts->program);
	}
	for (size_t i = 0; order->program != NULL && opts->argv[i] != NULL; i++) {
		assert(i < SPAWNER_WORDS_MAX);
		order->argv[i] = strdup(opts->argv[i]);
		if (order->argv[i] == NULL) {
			order = order_free(order);
			errno = ENOMEM;
			return NULL;
		}
	}
	if (order->program == NULL) {
		int err = errno;

		order = order_free(order);
		errno = err;
	}
	return order;
}

/** Sends an order to the thread. 0 or a negative errno. */
static int order_send(struct spawner *spawner, struct spawner_order *order)
{
	struct fd_message m;

	fd_message_init(&m);
	m.control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(order->output_fds)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&m.control.header), order->output_fds, sizeof(order->output_fds));
	atomic_store(&spawner->order, order);
	if (sendmsg(spawner->fd, &m.message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		atomic_store(&spawner->order, NULL);
		return -errno;
	}
	close_outputs(order->output_fds);
	return 0;
}

/** Ends the order that the thread ran. */
static void order_over(struct spawner *spawner, int err)
{
	struct spawner_order *order = atomic_load(&spawner->order);
	int status = 0;

	if (err == 0 && waitpid(order->pid, &status, WNOHANG) != order->pid) {
		err = -ECHILD; /* other code has reaped the child */
	}
	atomic_store(&spawner->order, NULL);
	if (!order->given_up) {
		order->ended(order->owner, err, status);
	}
	order_free(order);
}

/** Receives the reports of the thread. */
static void take_reports(struct spawner *spawner)
{
	struct report report;

	while (recv(spawner->fd, &report, sizeof(report), MSG_DONTWAIT) == sizeof(report)) {
		struct spawner_order *order = atomic_load(&spawner->order);

		(void)atomic_load(&spawner->n_reports);
		if (report.what == REPORT_BEGUN) {
			order->pid = report.pid;
			if (order->given_up) {
				(void)kill(order->pid, SIGKILL);
			}
		} else {
			order_over(spawner, report.err);
		}
	}
}

static void stop_watching(struct spawner *spawner)
{
	if (spawner->loop != NULL) {
		loop_unwatch(spawner->loop, spawner->fd, &spawner->watcher);
		spawner->loop = NULL;
	}
}

static void on_report(struct watcher *watcher, uint32_t events)
{
	struct spawner *spawner = container_of(watcher, struct spawner, watcher);
	struct spawner_order *next;
	int r;

	(void)events;
	take_reports(spawner);
	next = spawner->next;
	if (atomic_load(&spawner->order) != NULL) {
		return;
	}
	if (next != NULL) {
		spawner->next = NULL;
		r = order_send(spawner, next);
		if (r == 0) {
			return;
		}
		next->ended(next->owner, r, 0);
		order_free(next);
	}
	if (!spawner_is_busy(spawner)) {
		stop_watching(spawner);
	}
}

/* ---- outside ---- */

int spawner_run(struct spawner *spawner, struct loop *loop, const struct spawner_opts *opts,
	struct spawner_order **ret_order)
{
	struct spawner_order *order;
	int r = 0;

	if (!spawner->running) {
		return spawner->error;
	}
	assert(spawner->next == NULL);
	order = order_new(opts);
	if (order == NULL) {
		return -errno;
	}
	if (spawner->loop == NULL) {
		spawner->watcher.ready = on_report;
		r = loop_watch(loop, spawner->fd, &spawner->watcher);
		spawner->loop = r == 0 ? loop : NULL;
	}
	if (r == 0 && atomic_load(&spawner->order) != NULL) {
		spawner->next = order;
	} else if (r == 0) {
		r = order_send(spawner, order);
		if (r < 0) {
			stop_watching(spawner);
		}
	}
	if (r < 0) {
		order_free(order);
		return r;
	}
	*ret_order = order;
	return 0;
}

bool spawner_has_begun(const struct spawner_order *order)
{
	return order->pid > 0;
}

void spawner_give_up(struct spawner *spawner, struct spawner_order *order)
{
	if (order == spawner->next) {
		spawner->next = order_free(order);
		return;
	}
	order->given_up = true;
	if (order->pid > 0) {
		(void)kill(order->pid, SIGKILL);
	}
}

bool spawner_is_busy(const struct spawner *spawner)
{
	return atomic_load(&spawner->order) != NULL || spawner->next != NULL;
}

/* ---- life ---- */

int spawner_open(struct spawner *spawner)
{
	struct report ready = {.err = -EIO};
	int fds[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		spawner->error = -errno;
		return spawner->error;
	}
	spawner->fd = fds[0];
	spawner->thread_fd = fds[1];
	r = thread_start(&spawner->thread, spawner_main, spawner);
	if (r < 0) {
		close(fds[0]);
		close(fds[1]);
		spawner->error = r;
		return r;
	}
	spawner->running = true;
	while (recv(spawner->fd, &ready, sizeof(ready), 0) < 0 && errno == EINTR) {
	}
	/* The thread has a copy of its own by now, or does not need it. */
	close(fds[1]);
	if (ready.err < 0) {
		(void)spawner_close(spawner);
		spawner->error = ready.err;
	}
	return ready.err;
}

bool spawner_close(struct spawner *spawner)
{
	uint64_t end_ns = clock_after(clock_ns(), (uint64_t)SPAWNER_CLOSE_MS * NS_PER_MS);
	struct pollfd readable = {.fd = spawner->fd, .events = POLLIN};
	struct spawner_order *order = atomic_load(&spawner->order);

	if (!spawner->running) {
		return true;
	}
	spawner->next = order_free(spawner->next);
	if (order != NULL) {
		spawner_give_up(spawner, order);
	}
	while (atomic_load(&spawner->order) != NULL && clock_ns() < end_ns) {
		(void)poll(&readable, 1, SPAWNER_AGAIN_MS);
		take_reports(spawner);
	}
	stop_watching(spawner);
	if (atomic_load(&spawner->order) != NULL) {
		return false;
	}
	close(spawner->fd);
	(void)pthread_join(spawner->thread, NULL);
	*spawner = (struct spawner){0};
	return true;
}
