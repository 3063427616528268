/* SPDX-License-Identifier: ISC */
/* Which clients are admitted, why others are not, and that every end gives back the place under the
 * limit of the client's source. */
#include "proxy/admit.h"

#include "fault.h"
#include "generation_rig.h"
#include "proxy/edge.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "proxy/source.h"
#include "suite.h"

/* Sets the limits of sources of next_listeners[0], and switches to that generation. */
static void limit_sources(uint32_t max_pairs, uint64_t per_s)
{
	next_listeners[0].max_pairs_per_source = max_pairs;
	next_listeners[0].rate.accept_per_source = per_s;
	next_listeners[0].source_prefix = (struct conf_source_prefix){.v4 = 32, .v6 = 64};
	generation_unref(turn());
}

static size_t n_sources(void)
{
	return sources_count(house.shared.generation->offers[0]->sources);
}

/** Accepts a client. *ret_reason says why it was not admitted; END_REASONS: it was. */
static struct session_opts come(struct side *side, enum end_reason *ret_reason)
{
	struct session_opts opts = house_client(&house, 0, WIRE_TCP, side);
	struct end end;

	*ret_reason =
		admit_client(opts.terms, &opts.peer, &opts.source, &end) ? END_REASONS : end.reason;
	return opts;
}

/** Returns why a client would be refused; END_REASONS: it would not be. The client leaves in
 * both cases. */
static enum end_reason refused(void)
{
	struct side side;
	enum end_reason reason;
	struct session_opts opts = come(&side, &reason);

	session_reject(&opts, end_by_weir(reason == END_REASONS ? END_DENIED : reason));
	side_close(&side);
	return reason;
}

START_TEST(where_nothing_is_limited_nothing_is_made)
{
	enum end_reason reason;
	struct session_opts opts = come(&client, &reason);

	ck_assert_int_eq(reason, END_REASONS);
	ck_assert_ptr_null(opts.source);
	ck_assert_ptr_null(opts.terms->offer->sources);
	session_open(&opts);
	ck_assert_ptr_null(session()->edge);
	end();
}
END_TEST

START_TEST(a_place_with_the_source_is_had_until_the_session_ends)
{
	enum end_reason reason;
	struct session_opts opts;

	limit_sources(1, 0);
	opts = come(&client, &reason);
	ck_assert_int_eq(reason, END_REASONS);
	session_open(&opts);
	ck_assert_ptr_eq(session()->edge->source, opts.source);
	loop_until(server.n_accepted == 1);
	ck_assert_int_eq(refused(), END_SOURCE_LIMIT);
	generation_unref(turn()); /* the next generation has the same source */
	ck_assert_int_eq(refused(), END_SOURCE_LIMIT);
	end();
	ck_assert_uint_eq(n_sources(), 0);
	ck_assert_int_eq(refused(), END_REASONS);
	ck_assert_int_eq(refused(), END_REASONS); /* a rejected client gave its place back, too */
}
END_TEST

START_TEST(a_session_that_cannot_be_made_gives_its_place_back)
{
	bool met = true;
	unsigned n = 0;

	limit_sources(1, 0);
	while (met) {
		enum end_reason reason;
		struct session_opts opts = come(&client, &reason);

		ck_assert_int_eq(reason, END_REASONS);
		fault_only(FAULT_MEMORY);
		fault_arm(++n);
		session_open(&opts);
		met = fault_disarm();
		side_reset(&client);
		loop_until(house.proxy.part.n_sessions == 0);
		side_close(&client);
		ck_assert_uint_eq(n_sources(), 0);
	}
	ck_assert_uint_gt(n, 3);
}
END_TEST

START_TEST(without_memory_for_its_source_a_client_ends_by_limit)
{
	limit_sources(1, 0);
	fault_only_call("calloc");
	fault_arm(1);
	ck_assert_int_eq(refused(), END_LIMIT);
	ck_assert(fault_disarm());
	ck_assert_int_eq(refused(), END_REASONS);
}
END_TEST

START_TEST(who_is_denied_spends_nothing_of_the_rate)
{
	enum end_reason reason;
	unsigned n_admitted = 0;

	next_listeners[0].deny = &anybody;
	limit_sources(0, 2);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(refused(), END_DENIED);
	}
	ck_assert_uint_eq(n_sources(), 0);
	next_listeners[0].deny = &nobody;
	generation_unref(turn());
	/* If the machine stands still for long, more clients than the burst may be admitted. */
	do {
		reason = refused();
	} while (reason == END_REASONS && ++n_admitted < 1000);
	ck_assert_int_eq(reason, END_RATE);
	ck_assert_uint_ge(n_admitted, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admit");
	TCase *tc = tcase_create("admit");

	tcase_add_checked_fixture(tc, generation_rig_open, generation_rig_close);
	tcase_add_test(tc, where_nothing_is_limited_nothing_is_made);
	tcase_add_test(tc, a_place_with_the_source_is_had_until_the_session_ends);
	tcase_add_test(tc, a_session_that_cannot_be_made_gives_its_place_back);
	tcase_add_test(tc, without_memory_for_its_source_a_client_ends_by_limit);
	tcase_add_test(tc, who_is_denied_spends_nothing_of_the_rate);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
