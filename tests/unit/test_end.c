/* SPDX-License-Identifier: ISC */
/* How the end of a pair becomes the words of the closing log line. */
#include "proxy/end.h"

#include <errno.h>
#include <string.h>

#include "suite.h"

START_TEST(words_are_those_of_the_log)
{
	static const char *const reasons[] = {"eof", "reset", "lost", "idle", "half_close",
		"write_stall", "first_byte", "idle_client", "idle_upstream", "lifetime",
		"connect_timeout", "connect_failed", "preface", "bad_preface", "no_server", "queue",
		"queue_full", "drain", "server_down", "access", "admin", "no_route", "denied",
		"source_limit", "rate", "limit", "error"};

	ck_assert_uint_eq(sizeof(reasons) / sizeof(reasons[0]), END_REASONS);
	for (enum end_reason reason = 0; reason < END_REASONS; reason++) {
		ck_assert_str_eq(end_reason_name(reason), reasons[reason]);
	}
	ck_assert_str_eq(end_by_name(END_BY_CLIENT), "client");
	ck_assert_str_eq(end_by_name(END_BY_UPSTREAM), "upstream");
	ck_assert_str_eq(end_by_name(END_BY_WEIR), "weir");
}
END_TEST

START_TEST(each_timer_has_its_reason)
{
	static const enum end_reason reasons[DEADLINE_KINDS] = {
		[DEADLINE_CONNECT] = END_CONNECT_TIMEOUT,
		[DEADLINE_PREFACE] = END_PREFACE,
		[DEADLINE_QUEUE] = END_QUEUE,
		[DEADLINE_WRITE_STALL] = END_WRITE_STALL,
		[DEADLINE_HALF_CLOSE] = END_HALF_CLOSE,
		[DEADLINE_HALF_CLOSE_MAX] = END_HALF_CLOSE,
		[DEADLINE_FIRST_BYTE] = END_FIRST_BYTE,
		[DEADLINE_IDLE_CLIENT] = END_IDLE_CLIENT,
		[DEADLINE_IDLE_UPSTREAM] = END_IDLE_UPSTREAM,
		[DEADLINE_IDLE] = END_IDLE,
		[DEADLINE_LIFETIME] = END_LIFETIME,
		[DEADLINE_DRAIN] = END_DRAIN,
	};

	for (enum deadline_kind timer = 0; timer < DEADLINE_KINDS; timer++) {
		struct end end = end_by_timer(timer, 42);

		ck_assert_int_eq(end.reason, reasons[timer]);
		ck_assert_int_eq(end.by, timer == DEADLINE_CONNECT ? END_BY_UPSTREAM : END_BY_WEIR);
		ck_assert_int_eq(end.timer, timer);
		ck_assert_uint_eq(end.late_ns, 42);
		ck_assert_int_eq(end.err, 0);
	}
}
END_TEST

static void assert_end(struct end end, enum end_by by, enum end_reason reason, int err)
{
	ck_assert_int_eq(end.by, by);
	ck_assert_int_eq(end.reason, reason);
	ck_assert_int_eq(end.err, err);
	ck_assert_int_eq(end.timer, DEADLINE_NONE);
	ck_assert_uint_eq(end.late_ns, 0);
}

START_TEST(a_reset_is_by_the_side_that_reset)
{
	static const int errs[] = {-ECONNRESET, -EPIPE};

	for (size_t i = 0; i < 2; i++) {
		assert_end(end_by_failure(SIDE_CLIENT, errs[i]), END_BY_CLIENT, END_RESET, errs[i]);
		assert_end(end_by_failure(SIDE_UPSTREAM, errs[i]), END_BY_UPSTREAM, END_RESET,
			errs[i]);
	}
}
END_TEST

START_TEST(an_end_by_fins_is_by_who_finished_first)
{
	assert_end(end_by_fins(SIDE_CLIENT), END_BY_CLIENT, END_EOF, 0);
	assert_end(end_by_fins(SIDE_UPSTREAM), END_BY_UPSTREAM, END_EOF, 0);
}
END_TEST

START_TEST(a_shortage_in_the_life_of_a_pair_is_a_limit)
{
	static const int errs[] = {-ENOMEM, -ENOBUFS, -EMFILE, -ENFILE, -EADDRNOTAVAIL, -ENOSPC};

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		assert_end(end_by_failure(SIDE_CLIENT, errs[i]), END_BY_WEIR, END_LIMIT, errs[i]);
		assert_end(end_by_connect(errs[i], false, 0), END_BY_WEIR, END_LIMIT, errs[i]);
	}
}
END_TEST

START_TEST(a_side_that_cannot_be_reached_is_lost)
{
	static const int errs[] = {-ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH, -EHOSTDOWN, -ENETDOWN,
		-ENETRESET, -ENONET, -ECONNREFUSED, -ENOPROTOOPT, -EPROTO, -EACCES};

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		assert_end(end_by_failure(SIDE_CLIENT, errs[i]), END_BY_CLIENT, END_LOST, errs[i]);
		assert_end(
			end_by_failure(SIDE_UPSTREAM, errs[i]), END_BY_UPSTREAM, END_LOST, errs[i]);
	}
}
END_TEST

START_TEST(what_fails_in_weir_itself_says_nothing_of_a_side)
{
	static const int errs[] = {-EACCES, -ENOPROTOOPT, -EPERM};

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		assert_end(end_by_own_failure(errs[i]), END_BY_WEIR, END_ERROR, errs[i]);
	}
	assert_end(end_by_own_failure(-ENOMEM), END_BY_WEIR, END_LIMIT, -ENOMEM);
}
END_TEST

START_TEST(any_other_failure_is_an_error)
{
	assert_end(end_by_failure(SIDE_UPSTREAM, -EIO), END_BY_WEIR, END_ERROR, -EIO);
	assert_end(end_by_failure(SIDE_CLIENT, -EINVAL), END_BY_WEIR, END_ERROR, -EINVAL);
}
END_TEST

START_TEST(what_an_operator_has_to_mend_is_a_failure)
{
	static const bool failures[END_REASONS] = {
		[END_CONNECT_TIMEOUT] = true,
		[END_CONNECT_FAILED] = true,
		[END_NO_SERVER] = true,
		[END_QUEUE] = true,
		[END_QUEUE_FULL] = true,
		[END_LIMIT] = true,
		[END_ERROR] = true,
	};

	for (unsigned reason = 0; reason < END_REASONS; reason++) {
		ck_assert_msg(end_is_failure((enum end_reason)reason) == failures[reason], "%s",
			end_reason_name((enum end_reason)reason));
	}
}
END_TEST

START_TEST(whom_weir_does_not_let_in_is_refused)
{
	static const bool refusals[END_REASONS] = {
		[END_PREFACE] = true,
		[END_BAD_PREFACE] = true,
		[END_NO_ROUTE] = true,
		[END_DENIED] = true,
		[END_SOURCE_LIMIT] = true,
		[END_RATE] = true,
	};

	for (unsigned reason = 0; reason < END_REASONS; reason++) {
		ck_assert_msg(end_is_refusal((enum end_reason)reason) == refusals[reason], "%s",
			end_reason_name((enum end_reason)reason));
	}
	assert_end(end_by_weir(END_DENIED), END_BY_WEIR, END_DENIED, 0);
}
END_TEST

START_TEST(connecting_fails_by_the_upstream)
{
	assert_end(end_by_connect(-ECONNREFUSED, false, 0), END_BY_UPSTREAM, END_CONNECT_FAILED,
		-ECONNREFUSED);
	/* An ETIMEDOUT of the kernel does not come from our timer. */
	assert_end(end_by_connect(-ETIMEDOUT, false, 0), END_BY_UPSTREAM, END_CONNECT_FAILED,
		-ETIMEDOUT);
}
END_TEST

START_TEST(the_connect_timer_says_how_late_it_was)
{
	struct end end = end_by_connect(-ETIMEDOUT, true, 1234);

	ck_assert_int_eq(end.by, END_BY_UPSTREAM);
	ck_assert_int_eq(end.reason, END_CONNECT_TIMEOUT);
	ck_assert_int_eq(end.timer, DEADLINE_CONNECT);
	ck_assert_uint_eq(end.late_ns, 1234);
	ck_assert_int_eq(end.err, -ETIMEDOUT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("end");
	TCase *tc = invariant_case("each pair ends with exactly one reason", "docs/ARCHITECTURE.md",
		"The way of a pair");

	tcase_add_test(tc, words_are_those_of_the_log);
	tcase_add_test(tc, each_timer_has_its_reason);
	tcase_add_test(tc, a_reset_is_by_the_side_that_reset);
	tcase_add_test(tc, an_end_by_fins_is_by_who_finished_first);
	tcase_add_test(tc, a_shortage_in_the_life_of_a_pair_is_a_limit);
	tcase_add_test(tc, a_side_that_cannot_be_reached_is_lost);
	tcase_add_test(tc, what_fails_in_weir_itself_says_nothing_of_a_side);
	tcase_add_test(tc, any_other_failure_is_an_error);
	tcase_add_test(tc, what_an_operator_has_to_mend_is_a_failure);
	tcase_add_test(tc, whom_weir_does_not_let_in_is_refused);
	tcase_add_test(tc, connecting_fails_by_the_upstream);
	tcase_add_test(tc, the_connect_timer_says_how_late_it_was);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
