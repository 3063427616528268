/* SPDX-License-Identifier: ISC */
#include "crew/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fds.h"
#include "log/failure.h"
#include "log/log.h"

/** How many of the fds that no module takes are logged one by one. */
enum { UNTAKEN_TOLD_MAX = 16 };

/* ---- what an fd is ---- */

/** The value of a socket option; 0 also if the fd is not a socket. */
static int socket_option(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? 0 : value;
}

static bool is_connection(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	return socket_option(fd, SO_TYPE) != SOCK_DGRAM &&
	       getpeername(fd, (struct sockaddr *)&sa, &len) == 0;
}

static const char *socket_kind(int fd)
{
	switch (socket_option(fd, SO_TYPE)) {
	case SOCK_DGRAM:
		return "datagram socket";
	case SOCK_STREAM:
	case SOCK_SEQPACKET:
		return socket_option(fd, SO_ACCEPTCONN) != 0 ? "socket that listens"
		       : is_connection(fd)                   ? "connection"
							     : "socket that does not listen";
	default:
		return "socket";
	}
}

const char *inherited_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return "descriptor"; /* UNTESTED: fstat() of an open fd does not fail on Linux */
	}
	switch (st.st_mode & S_IFMT) {
	case S_IFSOCK:
		return socket_kind(fd);
	case S_IFIFO:
		return "FIFO";
	case S_IFREG: /* a memfd as well */
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFCHR:
	case S_IFBLK:
		return "device";
	default:
		return "descriptor"; /* eventfd, timerfd and the like */
	}
}

static bool is_same_socket(int a, int b)
{
	struct stat st_a;
	struct stat st_b;

	return fstat(a, &st_a) == 0 && fstat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

const char *socket_text(int fd, char text[ADDR_TEXT_MAX])
{
	union addr_sockaddr sa = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	return getsockname(fd, &sa.any, &len) < 0 ? NULL : addr_format(&sa.any, len, text);
}

/* ---- the two lists ---- */

static bool is_known(const struct inherited *inherited, int fd, const char *name)
{
	for (size_t i = 0; i < inherited->n_listening; i++) {
		const struct inherited_socket *known = &inherited->listening[i];

		if (strcmp(known->name, name) == 0 && is_same_socket(known->fd, fd)) {
			return true;
		}
	}
	return false;
}

static int add_listening(struct inherited *inherited, int fd, char *name)
{
	size_t n = inherited->n_listening;
	struct inherited_socket *all =
		reallocarray(inherited->listening, n + 1, sizeof(*inherited->listening));

	if (all == NULL) {
		return -ENOMEM;
	}
	all[n] = (struct inherited_socket){.fd = fd, .name = name};
	inherited->listening = all;
	inherited->n_listening++;
	return 0;
}

static int add_other(struct inherited *inherited, int fd, char *name)
{
	size_t n = inherited->n_others;
	struct inherited_fd *all =
		reallocarray(inherited->others, n + 1, sizeof(*inherited->others));

	if (all == NULL) {
		return -ENOMEM;
	}
	all[n] = (struct inherited_fd){.fd = fd, .name = name};
	inherited->others = all;
	inherited->n_others++;
	return 0;
}

int inherited_add(struct inherited *inherited, int fd, char *name)
{
	bool listens = socket_option(fd, SO_ACCEPTCONN) != 0;
	int r = 0;

	if (listens && is_known(inherited, fd, name)) {
		goto out;
	}
	r = listens ? add_listening(inherited, fd, name) : add_other(inherited, fd, name);
	if (r < 0) {
		goto out;
	}
	return 0;
out:
	close(fd);
	free(name);
	return r;
}

int inherited_take(struct inherited *inherited, const char *name)
{
	for (size_t i = 0; i < inherited->n_others; i++) {
		struct inherited_fd *other = &inherited->others[i];
		int fd = other->fd;

		if (strcmp(other->name, name) == 0) {
			free(other->name);
			inherited->n_others--;
			memmove(other, other + 1, (inherited->n_others - i) * sizeof(*other));
			return fd;
		}
	}
	return -ENOENT;
}

bool inherited_has_connection(const struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n_others; i++) {
		if (is_connection(inherited->others[i].fd)) {
			return true;
		}
	}
	return false;
}

/* ---- from systemd ---- */

static int fail(int err)
{
	return start_failed("passed sockets", err,
		"LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES do not fit what was passed: leave them "
		"to systemd");
}

/** Logs a warning if LISTEN_PID is not this process, for example because a shell was started in
 * between. */
static void warn_of_other_process(void)
{
	const char *text = getenv("LISTEN_PID");
	char *end;
	unsigned long pid = text == NULL ? 0 : strtoul(text, &end, 10);
	struct log_line line;

	if (pid == 0 || *end != '\0' || pid == (unsigned long)getpid() ||
		getenv("LISTEN_FDS") == NULL) {
		return;
	}
	if (log_begin(&line, LOG_LEVEL_WARN, "sockets_for_another")) {
		log_u64(&line, "listen_pid", pid);
		log_u64(&line, "pid", (uint64_t)getpid());
		log_str(&line, "remedy",
			"sockets were passed to the process of LISTEN_PID and not to this one: a "
			"script in ExecStart= has to start weir by exec");
		log_end(&line);
	}
}

int inherited_init(struct inherited *ret_inherited)
{
	char **names = NULL;
	struct inherited inherited = {0};
	size_t n_open;
	int n;
	int r = 0;

	warn_of_other_process(); /* before the variables are removed */
	n = sd_listen_fds_with_names(1, &names);
	if (n < 0) {
		return fail(n);
	}
	n_open = fds_count_open();
	inherited.n_nameless = n_open > (size_t)n ? n_open - (size_t)n : 0;
	for (int i = 0; i < n; i++) {
		int failed = inherited_add(&inherited, SD_LISTEN_FDS_START + i, names[i]);

		r = r < 0 ? r : failed;
	}
	free(names);
	if (r < 0) {
		inherited_fini(&inherited);
		return start_failed("passed sockets", r, NULL);
	}
	*ret_inherited = inherited;
	return 0;
}

/* ---- those that no module takes ---- */

static void tell_untaken(const struct inherited_fd *other, size_t n_more)
{
	const char *kind = inherited_kind(other->fd);
	char socket[ADDR_TEXT_MAX];
	struct log_line line;

	if (!log_begin(&line, LOG_LEVEL_WARN, "passed_unused")) {
		return;
	}
	log_str(&line, "name", other->name);
	log_str(&line, "kind", kind);
	log_str(&line, "socket", socket_text(other->fd, socket));
	if (n_more > 0) {
		log_u64(&line, "more", n_more);
	}
	log_str(&line, "remedy",
		is_connection(other->fd)
			? "it stays open and unread: weir accepts by itself; write Accept=no in "
			  "the socket unit, or take it out of the fd store"
			: "weir needs sockets that listen: write ListenStream= in the socket unit, "
			  "or take it out of the unit or the fd store");
	log_end(&line);
}

void inherited_tell_untaken(const struct inherited *inherited)
{
	size_t n = inherited->n_others;

	for (size_t i = 0; i < n && i < UNTAKEN_TOLD_MAX; i++) {
		tell_untaken(&inherited->others[i],
			i == UNTAKEN_TOLD_MAX - 1 ? n - UNTAKEN_TOLD_MAX : 0);
	}
}

void inherited_fini(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n_listening; i++) {
		close(inherited->listening[i].fd);
		free(inherited->listening[i].name);
	}
	for (size_t i = 0; i < inherited->n_others; i++) {
		close(inherited->others[i].fd);
		free(inherited->others[i].name);
	}
	free(inherited->listening);
	free(inherited->others);
	*inherited = (struct inherited){0};
}
