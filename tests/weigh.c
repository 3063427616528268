/* SPDX-License-Identifier: ISC */
/*
 * Linked with this file, weir becomes weir-weigh (tests/meson.build): for each slice (base/slice.h)
 * of more than a millisecond it writes a line to the file in $WEIR_WEIGH. The line has the
 * processor time of the slice, the rest of it without its long parts, and the time of its longest
 * part, all in microseconds, and the name of that part. A part is one system call, or the time
 * between two ("between"). The linker replaces each function that is wrapped here (--wrap).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"

enum {
	NOTED_US = 100,
	LONG_US = 200, /* a part of the end of a pair takes weir some 10 us */
	KEPT = 16,
};

/* The latest parts of this thread's time that were not short. Reading the clock ends a part. */
static _Thread_local struct part {
	uint64_t began_ns;
	uint64_t took_ns;
	const char *name;
} parts[KEPT];
static _Thread_local unsigned int n_parts;
static _Thread_local uint64_t read_ns;
static _Thread_local const char *doing;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int r = __real_clock_gettime(clock, ret_time);
	uint64_t now_ns = (uint64_t)ret_time->tv_sec * NS_PER_S + (uint64_t)ret_time->tv_nsec;

	if (clock == CLOCK_THREAD_CPUTIME_ID) {
		if (now_ns - read_ns >= NOTED_US * NS_PER_US) {
			parts[n_parts++ % KEPT] = (struct part){
				read_ns, now_ns - read_ns, doing == NULL ? "between" : doing};
		}
		read_ns = now_ns;
	}
	return r;
}

#define WRAP(name, parameters, arguments)                                                          \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		int r;                                                                             \
                                                                                                   \
		(void)clock_thread_ns();                                                           \
		doing = #name;                                                                     \
		r = __real_##name arguments;                                                       \
		(void)clock_thread_ns();                                                           \
		doing = NULL;                                                                      \
		return r;                                                                          \
	}

WRAP(close, (int fd), (fd))
WRAP(ioctl, (int fd, unsigned long what, void *value), (fd, what, value))
WRAP(setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
	(fd, level, name, value, len))
WRAP(getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
	(fd, level, name, value, len))

void __real_slice_end(const struct slice *slice, struct buckets *counted);
void __wrap_slice_end(const struct slice *slice, struct buckets *counted);

/** Returns the longest part since `began_ns`, and in *ret_rest_ns the rest of `took_ns` without the
 * long parts. */
static struct part weigh(uint64_t began_ns, uint64_t took_ns, uint64_t *ret_rest_ns)
{
	struct part longest = {.name = "none"};

	*ret_rest_ns = took_ns;
	for (unsigned int i = 0; i < KEPT; i++) {
		if (parts[i].began_ns < began_ns) {
			continue;
		}
		if (parts[i].took_ns >= LONG_US * NS_PER_US) {
			*ret_rest_ns -= parts[i].took_ns;
		}
		if (parts[i].took_ns > longest.took_ns) {
			longest = parts[i];
		}
	}
	return longest;
}

void __wrap_slice_end(const struct slice *slice, struct buckets *counted)
{
	uint64_t took_ns = clock_thread_ns() - slice->began_ns;
	struct part longest;
	char line[128];
	uint64_t rest_ns;
	int n;
	int fd;

	__real_slice_end(slice, counted);
	if (took_ns <= NS_PER_MS) {
		return;
	}
	longest = weigh(slice->began_ns, took_ns, &rest_ns);
	n = snprintf(line, sizeof(line), "%llu %llu %llu %s\n",
		(unsigned long long)(took_ns / NS_PER_US),
		(unsigned long long)(rest_ns / NS_PER_US),
		(unsigned long long)(longest.took_ns / NS_PER_US), longest.name);
	fd = open(getenv("WEIR_WEIGH"), O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)n) != n) {
		abort();
	}
	(void)__real_close(fd);
}
