/* SPDX-License-Identifier: ISC */
/*
 * Warns of a write_stall that is too short to tell a slow receiver from a stuck one: a receiver's
 * kernel opens its window in steps, of 128 KiB and more, and tells nothing between them.
 */
#ifndef WEIR_SERVICE_STALL_WARNING_H
#define WEIR_SERVICE_STALL_WARNING_H

struct conf;

/** Below it, at the defaults of Linux, a steady receiver of 128 KiB/s is taken for a stuck one. */
enum { STALL_LEAST_MS = 1000 };

/** One warning, which names the first listener that has one and counts them. */
void stall_warning(const struct conf *conf);

#endif
