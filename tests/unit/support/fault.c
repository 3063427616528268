/* SPDX-License-Identifier: ISC */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct {
	atomic_int left; /**< calls until the fault; 0 or less: none is armed, or it has happened */
	atomic_int suspended;
	_Atomic(const char *) met;
	unsigned classes;
	const char *only;
	int err;
} fault = {.classes = FAULT_ALL};

void fault_arm(unsigned n)
{
	atomic_store(&fault.met, NULL);
	atomic_store(&fault.left, (int)n);
}

bool fault_disarm(void)
{
	atomic_store(&fault.left, 0);
	fault.classes = FAULT_ALL;
	fault.only = NULL;
	fault.err = 0;
	return fault_met() != NULL;
}

const char *fault_met(void)
{
	return atomic_load(&fault.met);
}

void fault_only(unsigned classes)
{
	fault.classes = classes;
}

void fault_only_call(const char *name)
{
	fault.only = name;
}

void fault_set_errno(int err)
{
	fault.err = err;
}

void fault_suspend(void)
{
	atomic_fetch_add(&fault.suspended, 1);
}

void fault_resume(void)
{
	atomic_fetch_sub(&fault.suspended, 1);
}

bool fault_strikes(const char *name, enum fault_class class, int err)
{
	if (atomic_load(&fault.left) <= 0 || atomic_load(&fault.suspended) > 0) {
		return false;
	}
	if ((fault.classes & class) == 0 || (fault.only != NULL && strcmp(fault.only, name) != 0)) {
		return false;
	}
	if (atomic_fetch_sub(&fault.left, 1) != 1) {
		return false;
	}
	atomic_store(&fault.met, name);
	errno = fault.err != 0 ? fault.err : err;
	return true;
}

/* ---- memory ---- */

FAULT_WRAP(void *, malloc, FAULT_MEMORY, ENOMEM, NULL, (size_t size), (size))
FAULT_WRAP(void *, calloc, FAULT_MEMORY, ENOMEM, NULL, (size_t n, size_t size), (n, size))
FAULT_WRAP(void *, aligned_alloc, FAULT_MEMORY, ENOMEM, NULL, (size_t align, size_t size),
	(align, size))
FAULT_WRAP(void *, realloc, FAULT_MEMORY, ENOMEM, NULL, (void *ptr, size_t size), (ptr, size))
FAULT_WRAP(void *, reallocarray, FAULT_MEMORY, ENOMEM, NULL, (void *ptr, size_t n, size_t size),
	(ptr, n, size))
FAULT_WRAP(char *, strdup, FAULT_MEMORY, ENOMEM, NULL, (const char *text), (text))
FAULT_WRAP(char *, strndup, FAULT_MEMORY, ENOMEM, NULL, (const char *text, size_t n), (text, n))

/* ---- sockets ---- */

FAULT_WRAP(int, socket, FAULT_SOCKET, EMFILE, -1, (int family, int type, int protocol),
	(family, type, protocol))
FAULT_WRAP(int, bind, FAULT_SOCKET, EADDRINUSE, -1,
	(int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))
FAULT_WRAP(int, listen, FAULT_SOCKET, EADDRINUSE, -1, (int fd, int backlog), (fd, backlog))
FAULT_WRAP(int, connect, FAULT_SOCKET, EADDRNOTAVAIL, -1,
	(int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))
FAULT_WRAP(int, accept4, FAULT_SOCKET, EMFILE, -1,
	(int fd, struct sockaddr *sa, socklen_t *len, int flags), (fd, sa, len, flags))
FAULT_WRAP(int, setsockopt, FAULT_SOCKET, ENOBUFS, -1,
	(int fd, int level, int name, const void *value, socklen_t len),
	(fd, level, name, value, len))
FAULT_WRAP(int, getsockopt, FAULT_SOCKET, ENOBUFS, -1,
	(int fd, int level, int name, void *value, socklen_t *len), (fd, level, name, value, len))
FAULT_WRAP(int, pipe2, FAULT_SOCKET, EMFILE, -1, (int fds[2], int flags), (fds, flags))
FAULT_WRAP(int, shutdown, FAULT_SOCKET, ENOTCONN, -1, (int fd, int how), (fd, how))

/* ioctl(2) and fcntl(2) take one more argument, an int or a pointer. The kernel wants a long. */
#define FAULT_WRAP_VARIADIC(name, type, err)                                                       \
	int __real_##name(int fd, type request, ...);                                              \
	int __wrap_##name(int fd, type request, ...) __attribute__((weak));                        \
	int __wrap_##name(int fd, type request, ...)                                               \
	{                                                                                          \
		va_list args;                                                                      \
		long arg;                                                                          \
                                                                                                   \
		va_start(args, request);                                                           \
		arg = va_arg(args, long);                                                          \
		va_end(args);                                                                      \
		return fault_strikes(#name, FAULT_SOCKET, err) ? -1                                \
							       : __real_##name(fd, request, arg);  \
	}

FAULT_WRAP_VARIADIC(ioctl, unsigned long, ENOTTY)
FAULT_WRAP_VARIADIC(fcntl, int, EBADF)
FAULT_WRAP_VARIADIC(fcntl64, int, EBADF)

/* ---- bytes ---- */

FAULT_WRAP(ssize_t, recv, FAULT_BYTES, ECONNRESET, -1,
	(int fd, void *buffer, size_t len, int flags), (fd, buffer, len, flags))
FAULT_WRAP(ssize_t, send, FAULT_BYTES, ECONNRESET, -1,
	(int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
FAULT_WRAP(
	ssize_t, read, FAULT_BYTES, EIO, -1, (int fd, void *buffer, size_t len), (fd, buffer, len))
FAULT_WRAP(ssize_t, write, FAULT_BYTES, EIO, -1, (int fd, const void *data, size_t len),
	(fd, data, len))
FAULT_WRAP(ssize_t, splice, FAULT_BYTES, EINVAL, -1,
	(int from, off_t *from_at, int to, off_t *to_at, size_t len, unsigned flags),
	(from, from_at, to, to_at, len, flags))

/* ---- the loop ---- */

FAULT_WRAP(int, epoll_create1, FAULT_LOOP, EMFILE, -1, (int flags), (flags))
FAULT_WRAP(int, timerfd_create, FAULT_LOOP, EMFILE, -1, (int clock, int flags), (clock, flags))
FAULT_WRAP(int, pthread_create, FAULT_LOOP, EAGAIN, EAGAIN,
	(pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg),
	(thread, attr, run, arg))

int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	/* Taking a watch away needs no memory and cannot fail. */
	if (op != EPOLL_CTL_DEL && fault_strikes("epoll_ctl", FAULT_LOOP, ENOSPC)) {
		return -1;
	}
	return __real_epoll_ctl(epoll_fd, op, fd, event);
}

/* ---- check: it is linked statically, and its own calls must neither count nor fail ---- */

void __real__mark_point(const char *file, int line);
void __wrap__mark_point(const char *file, int line);

void __wrap__mark_point(const char *file, int line)
{
	fault_suspend();
	__real__mark_point(file, line);
	fault_resume();
}

#define FAULT_ASSERT_FAILED(prefix)                                                                \
	__attribute__((format(printf, 4, 5), noreturn)) void prefix##_ck_assert_failed(            \
		const char *file, int line, const char *expression, const char *format, ...)

FAULT_ASSERT_FAILED(__real_);
FAULT_ASSERT_FAILED(__wrap_);

void __wrap__ck_assert_failed(
	const char *file, int line, const char *expression, const char *format, ...)
{
	char text[1024] = "";
	va_list args;

	fault_suspend(); /* not resumed, because the test ends here */
	if (format == NULL) {
		__real__ck_assert_failed(file, line, expression, NULL);
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	__real__ck_assert_failed(file, line, expression, "%s", text);
}
