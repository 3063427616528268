/* SPDX-License-Identifier: ISC */
/* Durations and sizes, right and wrong ones, in tables: each value, and each error message. */
#include "base/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define S           UINT64_C(1000000000)
#define DAY         (86400 * S)
#define FULL        (10000 * DAY)

/* Outputs hold this before the call: a failure must not change it. */
#define UNTOUCHED UINT64_C(0x5e5e5e5e5e5e5e5e)

/* Copies the text to the heap, in exactly its size, so that ASan sees a read beyond the NUL. */
static char *exact_copy(const char *text)
{
	char *copy = strdup(text);

	ck_assert_ptr_nonnull(copy);
	return copy;
}

typedef int parse_fn(const char *text, uint64_t *ret, const char **ret_why);

static void expect_value(parse_fn *parse, const char *text, uint64_t expected)
{
	char *copy = exact_copy(text);
	const char *why = NULL;
	uint64_t value = UNTOUCHED;
	int r = parse(copy, &value, &why);

	ck_assert_msg(r == 0, "\"%s\" was refused: %s", text, why);
	ck_assert_msg(value == expected, "\"%s\" gave %ju, not %ju", text, (uintmax_t)value,
		(uintmax_t)expected);
	free(copy);
}

static void expect_refusal(parse_fn *parse, const char *text, int err, const char *about)
{
	char *copy = exact_copy(text);
	const char *why = NULL;
	uint64_t value = UNTOUCHED;
	int r = parse(copy, &value, &why);

	ck_assert_msg(r == err, "\"%.40s\" gave %d, not %d", text, r, err);
	ck_assert_msg(value == UNTOUCHED, "\"%.40s\" was refused, but written", text);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, about) != NULL, "\"%.40s\": \"%s\" does not say \"%s\"", text,
		why, about);
	/* The message says what is wrong, and what to write instead. */
	ck_assert_msg(strstr(why, "; write") != NULL, "\"%s\" has no remedy", why);
	free(copy);
}

struct good {
	const char *text;
	uint64_t value;
};

struct bad {
	const char *text;
	int err;
	const char *about;
};

static const struct good durations[] = {
	{"none", NS_NEVER},
	{"0s", 0},
	{"0us", 0},
	{"0.0d", 0},
	{"1us", 1000},
	{"1ms", 1000000},
	{"1s", S},
	{"1m", 60 * S},
	{"1h", 3600 * S},
	{"1d", DAY},
	{"500ms", S / 2},
	{"0.5s", S / 2},
	{"1.5h", 5400 * S},
	{"0.000000001s", 1},
	{"1.000000001s", S + 1},
	{"0.123456789d", UINT64_C(10666666569600)},
	{"0.999999999s", 999999999},
	{"007s", 7 * S},
	{"10000d", FULL},
	{"9999.999999999d", FULL - 86400},
	{"240000h", FULL},
	{"864000000000000us", FULL},
	/* a part of a nanosecond is rounded up, else the timer would be early */
	{"0.000000001us", 1},
	{"0.0005us", 1},
	{"1.0001us", 1001},
	{"0.0000001ms", 1},
};

START_TEST(a_duration_has_one_unit_and_maybe_decimals)
{
	expect_value(parse_duration, durations[_i].text, durations[_i].value);
}
END_TEST

static const struct bad bad_durations[] = {
	{"", -EINVAL, "begins with a digit"},
	{" 5s", -EINVAL, "begins with a digit"},
	{"+5s", -EINVAL, "begins with a digit"},
	{".5s", -EINVAL, "begins with a digit"},
	{"s", -EINVAL, "begins with a digit"},
	{"None", -EINVAL, "begins with a digit"},
	{"none ", -EINVAL, "begins with a digit"},
	{"inf", -EINVAL, "begins with a digit"},
	{"nan", -EINVAL, "begins with a digit"},
	{"\x01", -EINVAL, "begins with a digit"},
	{"\xd9\xa3s", -EINVAL, "begins with a digit"}, /* an arabic three */
	{"-1s", -EINVAL, "negative"},
	{"-", -EINVAL, "negative"},
	{"0", -EINVAL, "needs a unit"},
	{"30", -EINVAL, "needs a unit"},
	{"1.5", -EINVAL, "needs a unit"},
	{"99999999999999999999", -EINVAL, "needs a unit"},
	{"1.s", -EINVAL, "decimal point"},
	{"1.", -EINVAL, "decimal point"},
	{"1.-5s", -EINVAL, "decimal point"},
	{"1.0000000001s", -EINVAL, "decimal point"},
	{"1.2.3s", -EINVAL, "one number with one unit"},
	{"1h30m", -EINVAL, "one number with one unit"},
	{"1s2", -EINVAL, "one number with one unit"},
	{"0x10s", -EINVAL, "one number with one unit"},
	{"1e3s", -EINVAL, "one number with one unit"},
	{"1e400", -EINVAL, "one number with one unit"},
	{"5 s", -EINVAL, "unit of a duration is unknown"},
	{"5s ", -EINVAL, "unit of a duration is unknown"},
	{"5s\n", -EINVAL, "unit of a duration is unknown"},
	{"5S", -EINVAL, "unit of a duration is unknown"},
	{"5sec", -EINVAL, "unit of a duration is unknown"},
	{"5,5s", -EINVAL, "one number with one unit"},
	{"5ns", -EINVAL, "unit of a duration is unknown"},
	{"5w", -EINVAL, "unit of a duration is unknown"},
	{"5\xc2\xb5s", -EINVAL, "unit of a duration is unknown"}, /* a micro sign */
	{"10000.000000001d", -ERANGE, "at most 10000d"},
	{"10001d", -ERANGE, "at most 10000d"},
	{"864000000000001us", -ERANGE, "at most 10000d"},
	{"864000000000000.001us", -ERANGE, "at most 10000d"},
	{"213503982334602d", -ERANGE, "at most 10000d"},       /* would wrap 64 bits of ns */
	{"18446744073709551615us", -ERANGE, "at most 10000d"}, /* UINT64_MAX */
	{"18446744073709551616us", -ERANGE, "at most 10000d"},
	{"18446744073709551617s", -ERANGE, "at most 10000d"},
};

START_TEST(a_wrong_duration_is_refused_with_a_remedy)
{
	const struct bad *bad = &bad_durations[_i];

	expect_refusal(parse_duration, bad->text, bad->err, bad->about);
	expect_refusal(parse_time, bad->text, bad->err, bad->about);
}
END_TEST

START_TEST(a_time_is_never_none)
{
	static const char *const texts[] = {"none", "-1s", "", "x", "10001d"};
	const char *why = NULL;
	uint64_t ns;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_lt(parse_time(texts[i], &ns, &why), 0);
		ck_assert_ptr_null(strstr(why, "none"));
	}
	ck_assert_int_eq(parse_time("1.5s", &ns, &why), 0);
	ck_assert_uint_eq(ns, 1500000000);
}
END_TEST

static const struct good sizes[] = {
	{"0", 0},
	{"1", 1},
	{"4096", 4096},
	{"0k", 0},
	{"64k", 65536},
	{"1M", 1048576},
	{"2G", UINT64_C(2147483648)},
	{"0064k", 65536},
	{"18446744073709551615", UINT64_MAX},
	{"18014398509481983k", UINT64_MAX - 1023},
	{"17179869183G", UINT64_MAX - 0x3fffffff},
};

START_TEST(a_size_counts_in_powers_of_1024)
{
	expect_value(parse_size, sizes[_i].text, sizes[_i].value);
}
END_TEST

static const struct bad bad_sizes[] = {
	{"", -EINVAL, "begins with a digit"},
	{" 1k", -EINVAL, "begins with a digit"},
	{"+1k", -EINVAL, "begins with a digit"},
	{"k", -EINVAL, "begins with a digit"},
	{"none", -EINVAL, "begins with a digit"},
	{"-1", -EINVAL, "negative"},
	{"1.5M", -EINVAL, "no decimals"},
	{"1.", -EINVAL, "no decimals"},
	{"64K", -EINVAL, "unit of a size is unknown"},
	{"64kB", -EINVAL, "unit of a size is unknown"},
	{"64kk", -EINVAL, "unit of a size is unknown"},
	{"64 k", -EINVAL, "unit of a size is unknown"},
	{"64k ", -EINVAL, "unit of a size is unknown"},
	{"1m", -EINVAL, "unit of a size is unknown"},
	{"1T", -EINVAL, "unit of a size is unknown"},
	{"0x10", -EINVAL, "unit of a size is unknown"},
	{"1e400", -EINVAL, "unit of a size is unknown"},
	{"1\x7f", -EINVAL, "unit of a size is unknown"},
	{"1\xff", -EINVAL, "unit of a size is unknown"},
	{"18446744073709551616", -ERANGE, "does not fit"},
	{"18014398509481984k", -ERANGE, "does not fit"},
	{"17592186044416M", -ERANGE, "does not fit"},
	{"17179869184G", -ERANGE, "does not fit"},
	{"99999999999999999999999999", -ERANGE, "does not fit"},
};

START_TEST(a_wrong_size_is_refused_with_a_remedy)
{
	const struct bad *bad = &bad_sizes[_i];

	expect_refusal(parse_size, bad->text, bad->err, bad->about);
}
END_TEST

START_TEST(ten_thousand_digits_are_read_and_refused)
{
	enum { N_DIGITS = 10000 };
	static char text[N_DIGITS + 2];
	size_t n_zeros = N_DIGITS - 1;

	memset(text, '9', N_DIGITS);
	expect_refusal(parse_size, text, -ERANGE, "does not fit");
	text[N_DIGITS] = 's';
	expect_refusal(parse_duration, text, -ERANGE, "at most 10000d");
	text[1] = '.';
	expect_refusal(parse_duration, text, -EINVAL, "decimal point");
	memset(text, '0', n_zeros);
	expect_value(parse_duration, text, 9 * S);
	text[N_DIGITS] = 'k';
	expect_value(parse_size, text, 9 * 1024);
}
END_TEST

static const struct {
	uint64_t ns;
	const char *text;
} formats[] = {
	{NS_NEVER, "none"},
	{0, "0s"},
	{1, "0.001us"},
	{10, "0.01us"},
	{100, "0.1us"},
	{1500, "1.5us"},
	{1000, "1us"},
	{1500000, "1500us"},
	{S, "1s"},
	{S + 1, "1000000.001us"},
	{S + S / 2, "1500ms"},
	{60 * S, "1m"},
	{600 * S, "10m"},
	{5400 * S, "90m"},
	{86399 * S, "86399s"},
	{DAY, "1d"},
	{36 * 3600 * S, "36h"},
	{FULL, "10000d"},
	{UINT64_MAX - 1, "18446744073709551.614us"},
};

START_TEST(a_duration_is_written_in_its_largest_exact_unit)
{
	char text[DURATION_TEXT_MAX];

	ck_assert_ptr_eq(format_duration(formats[_i].ns, text), text);
	ck_assert_str_eq(text, formats[_i].text);
}
END_TEST

static void expect_round_trip(uint64_t ns)
{
	char text[DURATION_TEXT_MAX];

	expect_value(parse_duration, format_duration(ns, text), ns);
}

START_TEST(what_was_written_is_read_back)
{
	uint64_t ns = 1;

	expect_round_trip(NS_NEVER);
	for (size_t i = 0; i < N_OF(durations); i++) {
		expect_round_trip(durations[i].value);
	}
	/* Numbers of every length, with and without zeros at the end. */
	for (; ns < FULL; ns = ns * 7 + 3) {
		expect_round_trip(ns);
		expect_round_trip(ns - ns % 1000);
		expect_round_trip(ns - ns % S);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parse");
	TCase *tc = tcase_create("parse");

	tcase_add_loop_test(
		tc, a_duration_has_one_unit_and_maybe_decimals, 0, (int)N_OF(durations));
	tcase_add_loop_test(
		tc, a_wrong_duration_is_refused_with_a_remedy, 0, (int)N_OF(bad_durations));
	tcase_add_test(tc, a_time_is_never_none);
	tcase_add_loop_test(tc, a_size_counts_in_powers_of_1024, 0, (int)N_OF(sizes));
	tcase_add_loop_test(tc, a_wrong_size_is_refused_with_a_remedy, 0, (int)N_OF(bad_sizes));
	tcase_add_test(tc, ten_thousand_digits_are_read_and_refused);
	tcase_add_loop_test(
		tc, a_duration_is_written_in_its_largest_exact_unit, 0, (int)N_OF(formats));
	tcase_add_test(tc, what_was_written_is_read_back);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
