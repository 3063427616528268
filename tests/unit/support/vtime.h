/* SPDX-License-Identifier: ISC */
/*
 * Virtual time: clock_ns() stands still until the test moves it, and the loop's timers strike by
 * it. Sockets are served as ever. Link with vtime_link_args (tests/unit/meson.build).
 *
 *	vtime_freeze();				after fixture_setup(), before any timer is armed
 *	vtime_advance(NS_PER_S - 1);
 *	loop_settle();				whatever is due by now strikes
 */
#ifndef WEIR_TESTS_VTIME_H
#define WEIR_TESTS_VTIME_H

#include <stdbool.h>
#include <stdint.h>

/** Time stands still from now on; for the rest of the process. */
void vtime_freeze(void);

/** From now on stream_delivered_ns() says that something just came back, or that nothing did. */
void vtime_set_delivered(bool delivers);

/** Time moves on by `ns`. */
void vtime_advance(uint64_t ns);

/** What is due by now happens; then time moves on by `ns`, and what happens then happens. */
void vtime_pass(uint64_t ns);

#endif
