/* SPDX-License-Identifier: ISC */
/*
 * Virtual time: clock_ns() stands still until the test moves it, and the loop's timers follow it.
 * Sockets work as always. Link with vtime_link_args (tests/unit/meson.build).
 *
 *	vtime_freeze();				after fixture_setup(), before any timer is armed
 *	vtime_advance(NS_PER_S - 1);
 *	loop_settle();				every timer that is due by now expires
 */
#ifndef WEIR_TESTS_VTIME_H
#define WEIR_TESTS_VTIME_H

#include <stdbool.h>
#include <stdint.h>

/** Stops the time, for the rest of the process. */
void vtime_freeze(void);

/** From now on stream_delivered_ns() reports that the peer has just answered, or that it has
 * not. */
void vtime_set_delivered(bool delivers);

/** Moves the time by `ns`. */
void vtime_advance(uint64_t ns);

/** Runs everything that is due, moves the time by `ns`, and runs everything that is due then. */
void vtime_pass(uint64_t ns);

#endif
