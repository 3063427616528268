/* SPDX-License-Identifier: ISC */
/* Numbers in the text format of Prometheus. */
#include "proto/exposition.h"

#include <stdio.h>
#include <string.h>

#include "base/buckets.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "suite.h"

static struct bytes bytes;
static struct exposition text;

static void setup(void)
{
	text = (struct exposition){.to = &bytes};
}

static void teardown(void)
{
	bytes_free(&bytes);
}

static void assert_text(const char *expected)
{
	ck_assert(!bytes.failed);
	ck_assert_msg(bytes.n == strlen(expected) && memcmp(bytes.at, expected, bytes.n) == 0,
		"%.*s", (int)bytes.n, bytes.at);
}

START_TEST(a_family_is_told_once_before_its_samples)
{
	const struct exposition_label labels[] = {{"a", "x"}, {"b", "y z"}, {NULL, NULL}};

	exposition_family(&text, "weir_n", "gauge", "What it is.");
	exposition_u64(&text, NULL, UINT64_MAX);
	exposition_u64(&text, labels, 0);
	assert_text("# HELP weir_n What it is.\n# TYPE weir_n gauge\n"
		    "weir_n 18446744073709551615\nweir_n{a=\"x\",b=\"y z\"} 0\n");
}
END_TEST

static const struct {
	const char *value;
	const char *written;
} values[] = {
	{"", ""},
	{"a\\b\"c\nd", "a\\\\b\\\"c\\nd"},
	{"{},=\t\r", "{},=\t\r"},
	{"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"\xe4", "\xc3\xa4"},
	{"\xe2\x82", "\xc3\xa2\xc2\x82"},
	{"\xc0\x80", "\xc3\x80\xc2\x80"},
	{"\xed\xa0\x80", "\xc3\xad\xc2\xa0\xc2\x80"},
	{"\xf4\x90\x80\x80", "\xc3\xb4\xc2\x90\xc2\x80\xc2\x80"},
	{"\xc3\xa4\xff", "\xc3\x83\xc2\xa4\xc3\xbf"},
};

START_TEST(values_of_labels_are_escaped_and_are_utf8)
{
	const struct exposition_label labels[] = {{"a", values[_i].value}, {NULL, NULL}};
	char expected[256];

	text.name = "n";
	exposition_u64(&text, labels, 1);
	(void)snprintf(expected, sizeof(expected), "n{a=\"%s\"} 1\n", values[_i].written);
	assert_text(expected);
}
END_TEST

START_TEST(seconds_have_the_decimals_that_they_need)
{
	text.name = "n";
	exposition_seconds(&text, NULL, 0);
	exposition_seconds(&text, NULL, 1);
	exposition_seconds(&text, NULL, (uint64_t)100 * NS_PER_S);
	exposition_seconds(&text, NULL, (uint64_t)2 * NS_PER_S + 50 * NS_PER_MS);
	assert_text("n 0\nn 0.000000001\nn 100\nn 2.05\n");
}
END_TEST

START_TEST(a_histogram_counts_up_to_each_bound)
{
	const struct exposition_label labels[] = {{"a", "x"}, {NULL, NULL}};
	struct buckets buckets = {0};
	struct buckets_read read = {0};

	buckets_count(&buckets, 0);
	buckets_count(&buckets, 100 * NS_PER_US);
	buckets_count(&buckets, 100 * NS_PER_US + 1);
	buckets_count(&buckets, (uint64_t)5 * NS_PER_S);
	buckets_count(&buckets, (uint64_t)9 * NS_PER_S);
	buckets_add_to(&buckets, &read);
	buckets_add_to(&buckets, &read);
	text.name = "n";
	exposition_buckets(&text, labels, &read);
	assert_text("n_bucket{a=\"x\",le=\"0.0001\"} 4\nn_bucket{a=\"x\",le=\"0.00025\"} 6\n"
		    "n_bucket{a=\"x\",le=\"0.0005\"} 6\nn_bucket{a=\"x\",le=\"0.001\"} 6\n"
		    "n_bucket{a=\"x\",le=\"0.0025\"} 6\nn_bucket{a=\"x\",le=\"0.005\"} 6\n"
		    "n_bucket{a=\"x\",le=\"0.01\"} 6\nn_bucket{a=\"x\",le=\"0.025\"} 6\n"
		    "n_bucket{a=\"x\",le=\"0.05\"} 6\nn_bucket{a=\"x\",le=\"0.1\"} 6\n"
		    "n_bucket{a=\"x\",le=\"0.25\"} 6\nn_bucket{a=\"x\",le=\"1\"} 6\n"
		    "n_bucket{a=\"x\",le=\"5\"} 8\nn_bucket{a=\"x\",le=\"+Inf\"} 10\n"
		    "n_sum{a=\"x\"} 28.000400002\nn_count{a=\"x\"} 10\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exposition");
	TCase *tc = tcase_create("exposition");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_family_is_told_once_before_its_samples);
	tcase_add_loop_test(tc, values_of_labels_are_escaped_and_are_utf8, 0,
		(int)(sizeof(values) / sizeof(values[0])));
	tcase_add_test(tc, seconds_have_the_decimals_that_they_need);
	tcase_add_test(tc, a_histogram_counts_up_to_each_bound);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
