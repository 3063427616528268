/* SPDX-License-Identifier: ISC */
/*
 * Room for fds in the kernel's table of them.
 *
 * The table doubles when it is full, and in a process with threads whoever opened the fd too many
 * then waits until no CPU looks at the old table any more (synchronize_rcu() in expand_fdtable(),
 * fs/file.c): 10 to 25 ms in which that thread does nothing else, at 256 fds, 512, 1,024 and so on.
 */
#ifndef WEIR_BASE_FDS_H
#define WEIR_BASE_FDS_H

#include <stdint.h>

/**
 * Makes room for `n` fds at once, 8 bytes of kernel memory each, which stay with the process.
 * Nobody waits if there are no threads yet. If it cannot be done, the table grows as it always
 * does.
 */
void fds_reserve(uint64_t n);

#endif
