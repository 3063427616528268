/* SPDX-License-Identifier: ISC */
/*
 * The kernel's table of fds: room in it, and whether it is the only one.
 *
 * The table doubles when it is full. In a process with threads, the thread that opens the fd for
 * which there is no room then waits until no CPU looks at the old table any more (synchronize_rcu()
 * in expand_fdtable(), fs/file.c): 10 to 25 ms in which it does nothing else, at 256 fds, 512,
 * 1,024 and so on.
 */
#ifndef WEIR_BASE_FDS_H
#define WEIR_BASE_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Whether a child of ours has copies of all fds until its exec (service/spawner.h), so that
 * close(2) alone may neither send a FIN nor end a watch. Always with ThreadSanitizer, which knows
 * one table of fds for the process and breaks down over a second one.
 */
bool fds_have_copies(void);

/** From now on they may; to be called before there are streams. */
void fds_allow_copies(void);

/**
 * Makes room for `n` fds at once, 8 bytes of kernel memory each, which stay with the process.
 * Nobody waits if there are no threads yet. If it cannot be done, the table grows as it always
 * does.
 */
void fds_reserve(uint64_t n);

/** How many fds are open beyond stdin, stdout and stderr, below the limit of RLIMIT_NOFILE. */
size_t fds_count_open(void);

/**
 * How many fds are open, that of this folder, /proc/self/fd, included. Told: the kernel knows, from
 * Linux 6.2 on; false: it does not. Some: counts some more of them, each once, in *n, which is 0 at
 * first; 1: there are more; 0: those were all; or a negative errno.
 */
bool fds_count_told(int folder, size_t *ret_n);
int fds_count_some(int folder, size_t *n);

/**
 * Closes a connection so that its peer cannot take it for an end: TCP sends RST, with the close of
 * the last copy, whether or not anything is unread or unsent.
 */
void fds_reset(int fd);

#endif
