/* SPDX-License-Identifier: ISC */
/* weirload's command line, and what weirload needs of the machine. */
#include "load/options.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "load/budget.h"
#include "load/scenario.h"
#include "suite.h"

enum { WORDS_MAX = 24 };

static struct options options;
static char why[OPTIONS_WHY_MAX];

/** The limit of open files that the code under test reads and sets. */
static struct rlimit limit;

int __wrap_getrlimit64(int resource, struct rlimit *ret);
int __wrap_setrlimit64(int resource, const struct rlimit *wanted);

int __wrap_getrlimit64(int resource, struct rlimit *ret)
{
	ck_assert_int_eq(resource, RLIMIT_NOFILE);
	*ret = limit;
	return 0;
}

int __wrap_setrlimit64(int resource, const struct rlimit *wanted)
{
	ck_assert_int_eq(resource, RLIMIT_NOFILE);
	limit = *wanted;
	return 0;
}

static void setup(void)
{
	memset(&options, 0, sizeof(options));
	why[0] = '\0';
	limit = (struct rlimit){.rlim_cur = 1024, .rlim_max = 20000};
}

static void teardown(void)
{
	options_fini(&options);
}

/** Parses "SCENARIO WORD WORD ...", with a target and an expectation added. */
static int parse(const char *line)
{
	static char copy[512];
	char *argv[WORDS_MAX] = {"weirload"};
	int argc = 1;
	char *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s --target 127.0.0.1:80 --expect 5s", line);
	options_fini(&options);
	while (rest != NULL) {
		ck_assert_int_lt(argc, WORDS_MAX);
		argv[argc++] = strsep(&rest, " ");
	}
	ck_assert_ptr_nonnull(scenario_find(argv[1]));
	return options_parse(scenario_find(argv[1]), argc, argv, &options, why);
}

static void must_parse(const char *line)
{
	int r = parse(line);

	ck_assert_msg(r == 0, "\"%s\" was refused: %s", line, why);
}

START_TEST(what_is_not_given_has_a_default)
{
	must_parse("idle");
	ck_assert_ptr_eq(options.scenario, &scenario_idle);
	ck_assert_uint_eq(options.n_connections, 100);
	ck_assert_uint_eq(options.n_threads, 1);
	ck_assert_uint_eq(options.expect_ns, (uint64_t)5 * NS_PER_S);
	ck_assert_uint_eq(options.wait_ns, (uint64_t)10 * NS_PER_S);
	ck_assert_uint_eq(options.max_early, 0);
	ck_assert_uint_eq(options.max_late_ns, (uint64_t)250 * NS_PER_MS);
	ck_assert_uint_eq(options.spread_ns, NS_NEVER);
	ck_assert(!options.has_serve && !options.silent && !options.json);
	ck_assert_ptr_null(options.csv);
}
END_TEST

START_TEST(what_may_be_late_follows_from_what_is_expected)
{
	must_parse("idle");
	ck_assert_uint_eq(options.max_late_ns, (uint64_t)250 * NS_PER_MS);
	must_parse("idle --max-late 1ms");
	ck_assert_uint_eq(options.max_late_ns, NS_PER_MS);
	must_parse("mixed --max-late 3ms");
	ck_assert_uint_eq(options.max_latency_ns, (uint64_t)3 * NS_PER_MS);
	must_parse("mixed --max-latency 4ms");
	ck_assert_uint_eq(options.max_latency_ns, (uint64_t)4 * NS_PER_MS);
	ck_assert_uint_eq(options.every_ns, (uint64_t)100 * NS_PER_MS);
}
END_TEST

START_TEST(each_option_is_told_once_as_its_scenario_has_it)
{
	struct option_value value;
	size_t index = 0;
	unsigned n_side = 0;
	unsigned n_rate = 0;

	must_parse("halfclose --side server --serve 127.0.0.1:1");
	while (options_value(&options, &index, &value)) {
		if (strcmp(value.name, "side") == 0) {
			ck_assert_str_eq(value.word, "server");
			n_side++;
		}
		if (strcmp(value.name, "rate") == 0) { /* an option of another scenario */
			ck_assert_str_eq(value.word, "");
			n_rate++;
		}
		ck_assert_str_ne(value.name, "help");
	}
	ck_assert_uint_eq(n_side, 1);
	ck_assert_uint_eq(n_rate, 1);
}
END_TEST

START_TEST(values_come_with_an_equals_sign_or_as_the_next_word)
{
	must_parse("idle --connections=7 --threads 3 --json --ramp=0.5 --csv x --spread=0s");
	ck_assert_uint_eq(options.n_connections, 7);
	ck_assert_uint_eq(options.n_threads, 3);
	ck_assert(options.json && options.ramp > 0.49 && options.ramp < 0.51);
	ck_assert_str_eq(options.csv, "x");
	ck_assert_uint_eq(options.spread_ns, 0);
}
END_TEST

START_TEST(words_are_read_by_their_place)
{
	must_parse("trickle --every 1s --for 2s --serve 127.0.0.1:1 --direction both");
	ck_assert_uint_eq(options.direction, DIRECTION_BOTH);
	must_parse("trickle --every 1s --for 2s --serve 127.0.0.1:1 --direction=down");
	ck_assert_uint_eq(options.direction, DIRECTION_DOWN);
	must_parse("halfclose --side=server --serve unix:/x");
	ck_assert_uint_eq(options.side, SIDE_SERVER);
	ck_assert_int_eq(options.serve.kind, ADDR_UNIX);
	ck_assert_int_eq(parse("halfclose --side="), -EINVAL);
	ck_assert_int_eq(parse("halfclose --side=client server"), -EINVAL);
}
END_TEST

START_TEST(sources_add_up)
{
	must_parse("idle --source 127.0.0.1,127.0.0.2 --source=127.0.0.3");
	ck_assert_uint_eq(options.n_sources, 3);
	ck_assert_uint_eq(ntohl(options.sources[2].sa.in.sin_addr.s_addr), 0x7f000003);
	ck_assert_uint_eq(options.sources[2].sa.in.sin_port, 0);
	ck_assert_int_eq(options_resolve(&options, why), 0);
	ck_assert_int_eq(parse("idle --source 127.0.0.1,,127.0.0.2"), -EINVAL);
	must_parse("idle --source ::1");
	ck_assert_int_eq(options_resolve(&options, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "target's family"));
}
END_TEST

START_TEST(an_option_of_another_scenario_is_named_as_such)
{
	ck_assert_int_eq(parse("idle --side client"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "not an option of idle"));
	ck_assert_int_eq(parse("idle --sid client"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "unknown"));
}
END_TEST

START_TEST(a_long_value_is_cut_and_not_written_beyond_the_line)
{
	char line[480];

	memset(line, 'x', sizeof(line));
	memcpy(line, "idle --serve ", 13);
	line[sizeof(line) - 1] = '\0';
	ck_assert_int_eq(parse(line), -EINVAL);
	ck_assert_uint_lt(strlen(why), OPTIONS_WHY_MAX);
}
END_TEST

START_TEST(the_busy_share_is_at_least_one_and_only_of_mixed)
{
	must_parse("mixed --connections 1000 --busy 2.5");
	ck_assert_uint_eq(options_busy(&options), 25);
	must_parse("mixed --connections 10");
	ck_assert_uint_eq(options_busy(&options), 1);
	must_parse("idle --connections 1000");
	ck_assert_uint_eq(options_busy(&options), 0);
}
END_TEST

START_TEST(the_soft_limit_of_files_is_raised_only_where_needed)
{
	must_parse("idle --connections 500");
	ck_assert_int_eq(budget_take(&options, why), 0);
	ck_assert_uint_eq(limit.rlim_cur, 1024);
	must_parse("idle --connections 600 --serve 127.0.0.1:1");
	ck_assert_int_eq(budget_take(&options, why), 0);
	ck_assert_uint_eq(limit.rlim_cur, 20000);
}
END_TEST

START_TEST(what_the_remedy_recommends_fits_exactly)
{
	unsigned long fits;
	char line[64];

	must_parse("idle --connections 12000 --threads 4 --serve 127.0.0.1:1");
	ck_assert_int_eq(budget_take(&options, why), -EINVAL);
	ck_assert_int_eq(sscanf(strstr(why, "or write"), "or write --connections %lu", &fits), 1);
	(void)snprintf(
		line, sizeof(line), "idle --connections %lu --threads 4 --serve 127.0.0.1:1", fits);
	must_parse(line);
	ck_assert_int_eq(budget_take(&options, why), 0);
	options.n_connections++;
	ck_assert_int_eq(budget_take(&options, why), -EINVAL);
}
END_TEST

START_TEST(ports_are_counted_for_each_source_and_not_for_unix)
{
	limit.rlim_max = 10 * 1000 * 1000;
	must_parse("idle --connections 70000");
	ck_assert_int_eq(budget_take(&options, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "--source addresses"));
	options.target.kind = ADDR_UNIX;
	ck_assert_int_eq(budget_take(&options, why), 0);
	/* Even the smallest range of ports is enough here with three addresses. */
	must_parse("idle --connections 50 --source 127.0.0.1,127.0.0.2,127.0.0.3");
	ck_assert_int_eq(budget_take(&options, why), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load_options");
	TCase *tc = tcase_create("options");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_not_given_has_a_default);
	tcase_add_test(tc, what_may_be_late_follows_from_what_is_expected);
	tcase_add_test(tc, each_option_is_told_once_as_its_scenario_has_it);
	tcase_add_test(tc, values_come_with_an_equals_sign_or_as_the_next_word);
	tcase_add_test(tc, words_are_read_by_their_place);
	tcase_add_test(tc, sources_add_up);
	tcase_add_test(tc, an_option_of_another_scenario_is_named_as_such);
	tcase_add_test(tc, a_long_value_is_cut_and_not_written_beyond_the_line);
	tcase_add_test(tc, the_busy_share_is_at_least_one_and_only_of_mixed);
	tcase_add_test(tc, the_soft_limit_of_files_is_raised_only_where_needed);
	tcase_add_test(tc, what_the_remedy_recommends_fits_exactly);
	tcase_add_test(tc, ports_are_counted_for_each_source_and_not_for_unix);
	return suite_run(suite);
}
