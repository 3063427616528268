/* SPDX-License-Identifier: ISC */
/* Timers that strike on a rig (rig.h) in virtual time (vtime.h), and what the peers then see. */
#ifndef WEIR_TESTS_STRIKE_H
#define WEIR_TESTS_STRIKE_H

#include <stdint.h>

#include "rig.h"

/** Milliseconds as nanoseconds. */
static inline uint64_t ms(uint64_t n)
{
	return n * NS_PER_MS;
}

/** The fixture, in virtual time. */
void strike_setup(void);

/** A pair that relays, and has settled. */
void rig_open_relaying(struct rig *rig, int variant, enum rig_size size);

/** Virtual time moves on by `ns`, and what happens then happens. */
void vtime_pass(uint64_t ns);

/** A pair looks at its timeouts when something changes; the test has changed the timeouts. */
void rig_wind(struct rig *rig);

/** The timer strikes in `ns`, and not a nanosecond before it; what was sent has arrived then. */
void rig_assert_strikes_in(struct rig *rig, uint64_t ns, enum deadline_kind timer);

/**
 * write_stall strikes `ns` after the last byte that `to` took, to the nanosecond. A TCP peer that
 * does not read may take a few bytes more when its kernel tidies up: then it counts anew.
 */
void rig_assert_stall_strikes(struct rig *rig, uint64_t ns, const struct side *to);

/** Both streams told TIMEOUT, then CLOSE. */
void rig_assert_told(struct rig *rig);

/** What the peers see at the end; a UNIX peer sees a close in either case. */
void rig_assert_both_saw_fin(struct rig *rig);
void rig_assert_both_saw_reset(struct rig *rig);
void side_assert_saw_reset(struct side *side);

#endif
