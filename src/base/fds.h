/* SPDX-License-Identifier: ISC */
/*
 * The kernel's table of fds: how large it is, and whether another process has a copy of it.
 *
 * The kernel doubles the table when it is full (at 256, 512, 1,024 fds and so on). In a process
 * with threads, the thread that opens the next fd then waits until no CPU uses the old table any
 * more (synchronize_rcu() in expand_fdtable(), fs/file.c). That takes 10 to 25 ms, in which the
 * thread does nothing else.
 */
#ifndef WEIR_BASE_FDS_H
#define WEIR_BASE_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Whether a child process has copies of all our fds until its exec (service/spawner.h). Then
 * close(2) alone may neither send a FIN nor end a watch. Always true with ThreadSanitizer, which
 * assumes one table of fds and breaks with a second one.
 */
bool fds_have_copies(void);

/** From now on fds_have_copies() is true. Call it before there are streams. */
void fds_allow_copies(void);

/**
 * Enlarges the table to `n` fds at once, which takes 8 bytes of kernel memory for each; the process
 * keeps them. No thread waits if there is only one thread yet. If it fails, the table still grows
 * by itself.
 */
void fds_reserve(uint64_t n);

/**
 * How many fds are open, except stdin, stdout, stderr and those not below the hard RLIMIT_NOFILE.
 */
size_t fds_count_open(void);

/**
 * Two ways to count open fds, given `folder`, an fd of /proc/self/fd, which counts too.
 * fds_count_told() asks the kernel, which knows the number from Linux 6.2 on; false: it does not.
 * fds_count_some() reads a part of the folder and adds to *n, which must be 0 at first. 1: there
 * are more; 0: those were all; or a negative errno.
 */
bool fds_count_told(int folder, size_t *ret_n);
int fds_count_some(int folder, size_t *n);

/**
 * Closes a connection. TCP sends RST when the last copy of the fd is closed, whether or not there
 * is unread or unsent data, so that the peer cannot take it for an orderly end. Any other socket is
 * closed as by close(2).
 */
void fds_reset(int fd);

#endif
