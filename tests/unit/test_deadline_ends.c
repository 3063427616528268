/* SPDX-License-Identifier: ISC */
/* When a lifetime (with its grace and spread) or a drain ends a pair. */
#include "proxy/deadline.h"

#include <stddef.h>

#include "deadlines.h"

/* ---- the end of a lifetime ---- */

START_TEST(after_its_lifetime_a_pair_ends_at_its_first_quiet_second)
{
	const uint64_t end_ns = 1000 + 20 * QUIET_NS;
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;
	struct deadline next;

	timeouts.lifetime_ns = 20 * QUIET_NS;
	timeouts.lifetime_grace_ns = 5 * QUIET_NS;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns); /* there is no pair yet */
	facts.moved_ns = end_ns - QUIET_NS;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns);
	facts.moved_ns++;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + 1);
	next = deadline_next(&timeouts, &facts);
	ck_assert_uint_eq(next.silence_ns, QUIET_NS);
	facts.fin_ns = end_ns;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + QUIET_NS);
	facts.held_ns = end_ns + 1; /* a peer has not taken all bytes yet */
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + 1 + QUIET_NS);
	facts.moved_ns = end_ns + 4 * QUIET_NS - 1;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + 5 * QUIET_NS - 1);
}
END_TEST

START_TEST(at_the_latest_a_pair_ends_when_its_grace_is_over)
{
	const uint64_t end_ns = 1000 + 20 * QUIET_NS;
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;

	timeouts.lifetime_ns = 20 * QUIET_NS;
	timeouts.lifetime_grace_ns = 5 * QUIET_NS;
	facts.moved_ns = end_ns + 4 * QUIET_NS + 1;
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + 5 * QUIET_NS);
	ck_assert_uint_eq(deadline_next(&timeouts, &facts).silence_ns, NEVER);
	facts.moved_ns = 2000;
	facts.stalled_ns = 2000; /* a pair in which bytes wait is not quiet */
	assert_next(&timeouts, &facts, DEADLINE_LIFETIME, end_ns + 5 * QUIET_NS);
	timeouts.lifetime_ns = NEVER;
	assert_none(&timeouts, &facts);
}
END_TEST

START_TEST(each_pair_lives_for_a_share_of_the_spread_longer)
{
	enum { PAIRS = 1000, SPREAD = 1000000 };
	struct conf_timeouts timeouts = none;
	struct deadline_facts facts = nothing;
	unsigned n_late = 0;

	timeouts.lifetime_ns = 5000;
	timeouts.lifetime_spread_ns = SPREAD;
	for (facts.accepted_ns = 1; facts.accepted_ns <= PAIRS; facts.accepted_ns++) {
		uint64_t share = deadline_lifetime_ns(&timeouts, facts.accepted_ns) -
				 (facts.accepted_ns + 5000);

		ck_assert_uint_lt(share, SPREAD);
		assert_next(&timeouts, &facts, DEADLINE_LIFETIME, facts.accepted_ns + 5000 + share);
		n_late += share >= SPREAD / 2;
	}
	ck_assert_uint_gt(n_late, PAIRS / 3);
	ck_assert_uint_lt(n_late, PAIRS * 2 / 3);
}
END_TEST

/* ---- the order of a drain ---- */

/** A drain that begins at 2000 and ends at 9000. */
static const struct deadline_drain drain_of_7000 = {
	.start_ns = 2000, .idle_first_ns = 100, .end_ns = 9000};

START_TEST(drain_ends_idle_pairs_at_its_start_and_others_when_they_fall_idle)
{
	struct deadline_facts facts = nothing;

	facts.drain = &drain_of_7000;
	facts.moved_ns = 1100;
	assert_next(&none, &facts, DEADLINE_DRAIN, 2000);
	facts.moved_ns = 1900;
	assert_next(&none, &facts, DEADLINE_DRAIN, 2000);
	facts.moved_ns = 1901;
	assert_next(&none, &facts, DEADLINE_DRAIN, 2001);
	facts.moved_ns = 8899;
	assert_next(&none, &facts, DEADLINE_DRAIN, 8999);
	facts.moved_ns = 8901;
	assert_next(&none, &facts, DEADLINE_DRAIN, 9000);
}
END_TEST

START_TEST(drain_takes_nobody_for_idle_who_connects_or_waits)
{
	struct deadline_facts facts = nothing;

	facts.drain = &drain_of_7000;
	assert_next(&none, &facts, DEADLINE_DRAIN, 9000); /* without a pair, too */
	facts.moved_ns = 2500;
	facts.stalled_ns = 2500;
	assert_next(&none, &facts, DEADLINE_DRAIN, 9000);
}
END_TEST

START_TEST(drain_counts_the_silence_of_a_half_closed_pair_from_the_fin)
{
	struct deadline_facts facts = nothing;

	facts.drain = &drain_of_7000;
	facts.moved_ns = 1500;
	facts.fin_ns = 3000;
	assert_next(&none, &facts, DEADLINE_DRAIN, 3100);
	facts.moved_ns = 3001;
	assert_next(&none, &facts, DEADLINE_DRAIN, 3101);
}
END_TEST

START_TEST(drain_without_a_budget_ends_idle_pairs_only)
{
	struct deadline_drain drain = drain_of_7000;
	struct deadline_facts facts = nothing;

	drain.end_ns = NEVER;
	drain.spread_ns = NS_PER_S;
	facts.drain = &drain;
	assert_none(&none, &facts);
	facts.moved_ns = 5000;
	assert_next(&none, &facts, DEADLINE_DRAIN, 5100);
	drain.idle_first_ns = NEVER;
	assert_none(&none, &facts);
}
END_TEST

enum { SPREAD_PAIRS = 10000, SPREAD_PARTS = 100 };

/** The time between two accepts: from a nanosecond to a second. */
static const uint64_t paces_ns[] = {1, NS_PER_US, NS_PER_MS, NS_PER_S};

START_TEST(drain_ends_the_rest_evenly_over_the_spread_and_never_later)
{
	struct deadline_drain drain = {.start_ns = NS_PER_S,
		.idle_first_ns = NEVER,
		.end_ns = (uint64_t)30 * NS_PER_S,
		.spread_ns = (uint64_t)5 * NS_PER_S};
	uint64_t begin_ns = drain.end_ns - drain.spread_ns;
	unsigned parts[SPREAD_PARTS] = {0};

	for (uint64_t i = 0; i < SPREAD_PAIRS; i++) {
		uint64_t at_ns = deadline_drain_ns(&drain, i * paces_ns[_i]);

		ck_assert_uint_ge(at_ns, begin_ns);
		ck_assert_uint_le(at_ns, drain.end_ns);
		ck_assert_uint_eq(at_ns, deadline_drain_ns(&drain, i * paces_ns[_i]));
		if (at_ns < drain.end_ns) {
			parts[(at_ns - begin_ns) * SPREAD_PARTS / drain.spread_ns]++;
		}
	}
	/* Each part has 100 on average. Half or double of it is nearly impossible by chance. */
	for (size_t i = 0; i < SPREAD_PARTS; i++) {
		ck_assert_uint_gt(parts[i], 50);
		ck_assert_uint_lt(parts[i], 200);
	}
	drain.spread_ns = 0;
	ck_assert_uint_eq(deadline_drain_ns(&drain, 12345), drain.end_ns);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadline_ends");
	TCase *tc = tcase_create("deadline_ends");

	tcase_add_test(tc, after_its_lifetime_a_pair_ends_at_its_first_quiet_second);
	tcase_add_test(tc, at_the_latest_a_pair_ends_when_its_grace_is_over);
	tcase_add_test(tc, each_pair_lives_for_a_share_of_the_spread_longer);
	tcase_add_test(tc, drain_ends_idle_pairs_at_its_start_and_others_when_they_fall_idle);
	tcase_add_test(tc, drain_takes_nobody_for_idle_who_connects_or_waits);
	tcase_add_test(tc, drain_counts_the_silence_of_a_half_closed_pair_from_the_fin);
	tcase_add_test(tc, drain_without_a_budget_ends_idle_pairs_only);
	tcase_add_loop_test(tc, drain_ends_the_rest_evenly_over_the_spread_and_never_later, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
