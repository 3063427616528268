/* SPDX-License-Identifier: ISC */
/*
 * Timers that strike on a rig (rig.h) in virtual time (vtime.h), and what the peers then see. The
 * tests of one program share one rig, one at a time.
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

/** A test case in virtual time; its fixture alone is strike_setup(). */
TCase *strike_case(void);
void strike_setup(void);

/** A pair that relays and has settled, for the _i of a test that is RIG_MIRRORED. */
void strike_open(int i, enum rig_size size);

/** Sets one of the rig's timeouts, which is in force at once. */
void strike_set(uint64_t *timeout_ns, uint64_t ns);

/** A pair that relays, and has settled. */
void rig_open_relaying(struct rig *self, int variant, enum rig_size size);

/** A pair looks at its timeouts when something changes; the test has changed the timeouts. */
void rig_wind(struct rig *self);

/** The timer strikes in `ns`, and not a nanosecond before it; what was sent has arrived then. */
void rig_assert_strikes_in(struct rig *self, uint64_t ns, enum deadline_kind timer);

/**
 * write_stall strikes `ns` after the last byte that `stalled` took, to the nanosecond. A TCP peer
 * that does not read may take a few bytes more when its kernel tidies up: then it counts anew.
 */
void rig_assert_stall_strikes(struct rig *self, uint64_t ns, const struct side *stalled);

/** Both streams told TIMEOUT, then CLOSE. */
void rig_assert_told(struct rig *self);

/** What the peers see at the end; a UNIX peer sees a close in either case. */
void rig_assert_both_saw_fin(struct rig *self);
void rig_assert_both_saw_reset(struct rig *self);
void side_assert_saw_reset(struct side *side);

#endif
