/* SPDX-License-Identifier: ISC */
/*
 * Fixture for timers that expire on a rig (rig.h) in virtual time (vtime.h), and for what the peers
 * see then. The tests of one program use the same rig, one after another.
 */
#ifndef WEIR_TESTS_STRIKE_H
#define WEIR_TESTS_STRIKE_H

#include <stdint.h>

#include "rig.h"
#include "suite.h"

extern struct rig rig;

/** After strike_open(): the side that acts, and the other. */
extern struct side *from;
extern struct side *to;

/** Milliseconds as nanoseconds. */
static inline uint64_t ms(uint64_t n)
{
	return n * NS_PER_MS;
}

/** A test case in virtual time; strike_setup() is its fixture. */
TCase *strike_case(void);
void strike_setup(void);

/** Opens a pair that relays and has settled, for the `_i` of a test that runs RIG_MIRRORED
 * times. */
void strike_open(int i, enum rig_size size);

/** Sets one of the rig's timeouts, with effect at once. */
void strike_set(uint64_t *timeout_ns, uint64_t ns);

/** Opens a pair that relays and has settled. */
void rig_open_relaying(struct rig *self, int variant, enum rig_size size);

/** Makes the pair read its timeouts again after the test has changed them. */
void rig_wind(struct rig *self);

/** Waits until the peers' kernels have acknowledged what was sent. Then checks that the timer
 * expires after `ns`, and not a nanosecond earlier. */
void rig_assert_strikes_in(struct rig *self, uint64_t ns, enum deadline_kind timer);

/**
 * Checks that write_stall expires exactly `ns` after the last byte that `stalled` took. The kernel
 * of a TCP peer that does not read may still take a few bytes when it compacts its buffers: then
 * the time begins anew.
 */
void rig_assert_stall_strikes(struct rig *self, uint64_t ns, const struct side *stalled);

/** Checks that both streams emitted TIMEOUT, then CLOSE. */
void rig_assert_told(struct rig *self);

/** Check what the peers see at the end; a UNIX peer sees a close in both cases. */
void rig_assert_both_saw_fin(struct rig *self);
void rig_assert_both_saw_reset(struct rig *self);
void side_assert_saw_reset(struct side *side);

#endif
