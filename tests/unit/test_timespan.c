/* SPDX-License-Identifier: ISC */
/*
 * Tests of time spans. The values are those that `systemd-analyze timespan` prints for the same
 * texts.
 */
#include "base/timespan.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"

static const struct {
	const char *text;
	uint64_t us; /* UINT64_MAX: never */
} goods[] = {
	{"0", 0},
	{"5", 5000000},
	{"5s", 5000000},
	{" 5 sec ", 5000000},
	{"+5", 5000000},
	{"1min 30s", 90000000},
	{"1min30s", 90000000},
	{"1m1m", 120000000},
	{"5 3", 8000000},
	{"2h", UINT64_C(7200000000)},
	{"1hr 1hour", UINT64_C(7200000000)},
	{"1d 1day", UINT64_C(172800000000)},
	{"1w", UINT64_C(604800000000)},
	{"1M", UINT64_C(2629800000000)},
	{"1y", UINT64_C(31557600000000)},
	{"500ms", 500000},
	{"7us 8usec 9\xc2\xb5s", 24},
	{"1.5h", UINT64_C(5400000000)},
	{".5", 500000},
	{"1.999999999s", 1999999},
	{"0.5us", 0},
	{"12.34 .56", 12900000},
	{"5s.5", 5500000},
	{"1\t.5\ns", 1500000},
	{"infinity", UINT64_MAX},
	{" infinity ", UINT64_MAX},
	{"600y", UINT64_MAX},
};

START_TEST(a_time_span_is_read_as_systemd_reads_it)
{
	const char *why = NULL;
	uint64_t ns = 1;
	int r = parse_timespan(goods[_i].text, &ns, &why);

	ck_assert_msg(r == 0, "\"%s\" was refused: %s", goods[_i].text, why);
	ck_assert_uint_eq(
		ns, goods[_i].us == UINT64_MAX ? NS_NEVER : goods[_i].us * (uint64_t)NS_PER_US);
}
END_TEST

static const struct {
	const char *text;
	int status;
} bads[] = {
	{"", -EINVAL},
	{"  ", -EINVAL},
	{"s", -EINVAL},
	{"x", -EINVAL},
	{"5x", -EINVAL},
	{"5 x", -EINVAL},
	{"5 mi", -EINVAL},
	{"-5", -EINVAL},
	{"-0", -EINVAL},
	{"+", -EINVAL},
	{"++5", -EINVAL},
	{"+.5", -EINVAL},
	{"5.", -EINVAL},
	{"3.sec", -EINVAL},
	{"1.5.5", -EINVAL},
	{"1. 5", -EINVAL},
	{"5,5", -EINVAL},
	{"0x10", -EINVAL},
	{"1e3", -EINVAL},
	{"infinityx", -EINVAL},
	{"5 infinity", -EINVAL},
	{"9223372036854775808", -ERANGE},
	{"18446744073709551617us", -ERANGE}, /* 1 modulo 2^64 */
	{"99999999999999999999999999", -ERANGE},
	{"600000y", -ERANGE},
	{"580000y 580000y", -ERANGE},
};

START_TEST(what_is_no_time_span_is_refused_with_a_remedy)
{
	const char *why = NULL;
	uint64_t ns = 1;

	ck_assert_msg(parse_timespan(bads[_i].text, &ns, &why) == bads[_i].status, "\"%s\"",
		bads[_i].text);
	ck_assert_uint_eq(ns, 1);
	ck_assert_ptr_nonnull(strstr(why, "write "));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timespan");
	TCase *tc = tcase_create("timespan");

	tcase_add_loop_test(tc, a_time_span_is_read_as_systemd_reads_it, 0,
		(int)(sizeof(goods) / sizeof(goods[0])));
	tcase_add_loop_test(tc, what_is_no_time_span_is_refused_with_a_remedy, 0,
		(int)(sizeof(bads) / sizeof(bads[0])));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
