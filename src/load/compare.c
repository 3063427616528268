/* SPDX-License-Identifier: ISC */
/*
 * Counts are compared by Fisher's exact test, lateness by confidence intervals of its quantiles,
 * and what has a definite cause by whether it happened. The probability that two runs without a
 * real difference differ here in anything is at most 1 %; MISS is the share of each comparison in
 * it.
 */
#include "load/compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "load/chance.h"
#include "load/result.h"
#include "load/say.h"

enum { COMPARED_MAX = 13, US_PER_MS = 1000 };

static const double MISS = 0.01 / COMPARED_MAX;

enum { WAKE_UPS = 3, BUSIER = 2 };

/** Two runs of the same thing differ by at least this much, on a machine that does other things
 * too. */
#define TOLERANCE_US (NS_PER_MS / NS_PER_US)

/** A confidence interval of a quantile; us. */
struct bounds {
	uint64_t count;
	int64_t value;
	int64_t below;
	int64_t above;
	bool has_below;
	bool has_above;
};

const char *compare_words(enum compare_outcome outcome)
{
	static const char *const words[] = {
		"within the noise", "better", "worse", "not to be compared"};

	return words[outcome];
}

static double miss(const struct comparison *two)
{
	return MISS / (double)(1 + two->n_others);
}

static enum compare_outcome both(enum compare_outcome a, enum compare_outcome b)
{
	return a > b ? a : b; /* one worse quantity makes the whole worse */
}

/* ---- counts ---- */

static enum compare_outcome count(const struct comparison *two, FILE *out, const char *name,
	const uint64_t x[2], const uint64_t n[2])
{
	enum compare_outcome outcome = COMPARE_SAME;

	if (n[0] == 0 || n[1] == 0 || x[0] + x[1] == 0) {
		return COMPARE_SAME;
	}
	if (chance_of_more(x[0], n[0], x[1], n[1]) <= miss(two) / 2) {
		outcome = COMPARE_WORSE;
	} else if (chance_of_more(x[1], n[1], x[0], n[0]) <= miss(two) / 2) {
		outcome = COMPARE_BETTER;
	}
	fprintf(out, "%-18s %10" PRIu64 " of %-12" PRIu64 " %10" PRIu64 " of %-12" PRIu64 " %s\n",
		name, x[0], n[0], x[1], n[1], compare_words(outcome));
	return outcome;
}

static uint64_t judged(const struct result *result)
{
	const uint64_t *n = result->verdicts;

	return n[VERDICT_ON_TIME] + n[VERDICT_LATE] + n[VERDICT_EARLY] + n[VERDICT_NEVER];
}

static enum compare_outcome compare_counts(const struct comparison *two, FILE *out)
{
	static const enum verdict verdicts[] = {VERDICT_EARLY, VERDICT_LATE, VERDICT_NEVER};
	const uint64_t *a = two->a->verdicts;
	const uint64_t *b = two->b->verdicts;
	const uint64_t n[] = {judged(two->a), judged(two->b)};
	const uint64_t n_failed[] = {a[VERDICT_FAILED], b[VERDICT_FAILED]};
	const uint64_t n_tried[] = {two->a->n_opened + n_failed[0], two->b->n_opened + n_failed[1]};
	enum compare_outcome outcome = count(two, out, "failed", n_failed, n_tried);

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		const uint64_t x[] = {a[verdicts[i]], b[verdicts[i]]};

		outcome = both(outcome, count(two, out, verdict_name(verdicts[i]), x, n));
	}
	return outcome;
}

/* ---- times ---- */

/** The bucket of the value at that rank, from 1 on, among those that are not early. */
static const struct result_bucket *bucket_at(const struct result_distribution *all, uint64_t place)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < all->n_buckets; i++) {
		sum += all->buckets[i].least < 0 ? 0 : all->buckets[i].count;
		if (sum >= place) {
			return &all->buckets[i];
		}
	}
	return NULL;
}

/** The bounds of a quantile of the lateness. Early closes are counted elsewhere, and left out
 * here. */
static struct bounds bounds_of(
	const struct comparison *two, const struct result_distribution *all, double q)
{
	struct bounds bounds = {0};
	uint64_t below;
	uint64_t above;

	for (size_t i = 0; i < all->n_buckets; i++) {
		bounds.count += all->buckets[i].least < 0 ? 0 : all->buckets[i].count;
	}
	if (bounds.count == 0) {
		return bounds;
	}
	chance_places(bounds.count, q, miss(two) / 4, &below, &above);
	bounds.has_below = below >= 1;
	bounds.has_above = above <= bounds.count;
	below = bounds.has_below ? below : 1;
	above = bounds.has_above ? above : bounds.count;
	bounds.below = bucket_at(all, below)->least;
	bounds.above = bucket_at(all, above)->greatest;
	above = (uint64_t)((double)bounds.count * q);
	bounds.value = bucket_at(all, above < bounds.count ? above + 1 : above)->greatest;
	return bounds;
}

static void put_bounds(FILE *out, const struct bounds *bounds)
{
	char below[32] = "";
	char above[32] = "";
	char all[72];

	if (bounds->has_below) {
		(void)snprintf(below, sizeof(below), "%.3f", (double)bounds->below / US_PER_MS);
	}
	if (bounds->has_above) {
		(void)snprintf(above, sizeof(above), "%.3f", (double)bounds->above / US_PER_MS);
	}
	(void)snprintf(all, sizeof(all), "(%s - %s)", below, above);
	fprintf(out, " %9.3f %-16s", (double)bounds->value / US_PER_MS, all);
}

static enum compare_outcome compare_quantile(const struct comparison *two, FILE *out,
	const char *name, const struct result_distribution *distributions[2], double q)
{
	const struct bounds a = bounds_of(two, distributions[0], q);
	const struct bounds b = bounds_of(two, distributions[1], q);
	enum compare_outcome outcome = COMPARE_SAME;
	int64_t tolerance_us = (int64_t)two->tolerance_us;
	bool may_be_worse = a.has_above && b.has_below;
	bool may_be_better = b.has_above && a.has_below;

	if (a.count == 0 || b.count == 0) {
		return COMPARE_SAME;
	}
	if (may_be_worse && b.below > a.above + tolerance_us) {
		outcome = COMPARE_WORSE;
	} else if (may_be_better && a.below > b.above + tolerance_us) {
		outcome = COMPARE_BETTER;
	}
	fprintf(out, "%s p%-*g", name, (int)(16 - strlen(name)), q * 100);
	put_bounds(out, &a);
	put_bounds(out, &b);
	fprintf(out, " %s\n",
		may_be_worse || may_be_better ? compare_words(outcome) : "too few to tell");
	return outcome;
}

static enum compare_outcome compare_times(const struct comparison *two, FILE *out)
{
	static const double quantiles[] = {0.5, 0.9, 0.99};
	const struct {
		const char *name;
		const struct result_distribution *of[2];
	} all[] = {
		{"client ms", {&two->a->sides[SIDE_CLIENT].deviation,
				      &two->b->sides[SIDE_CLIENT].deviation}},
		{"server ms", {&two->a->sides[SIDE_SERVER].deviation,
				      &two->b->sides[SIDE_SERVER].deviation}},
		{"latency ms", {&two->a->latency_all, &two->b->latency_all}},
	};
	enum compare_outcome outcome = COMPARE_SAME;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct result_distribution *of[] = {all[i].of[0], all[i].of[1]};

		for (size_t j = 0; j < sizeof(quantiles) / sizeof(quantiles[0]); j++) {
			outcome = both(
				outcome, compare_quantile(two, out, all[i].name, of, quantiles[j]));
		}
	}
	return outcome;
}

/* ---- what has a definite cause ---- */

static const struct result_limit *find_limit(const struct result *result, const char *name)
{
	for (size_t i = 0; i < result->n_limits; i++) {
		if (strcmp(result->limits[i].name, name) == 0) {
			return &result->limits[i];
		}
	}
	return NULL;
}

static bool holds(const struct result *result, const char *name)
{
	const struct result_limit *limit = find_limit(result, name);

	return limit == NULL || limit->holds;
}

/** Whether a limit is about something that was already compared as a count or a time. */
static bool is_compared(const char *name)
{
	static const char *const names[] = {"max_early", "max_late", "max_never", "max_failed",
		"max_void", "min_judged", "max_latency"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/** Compares limits of which one violation is enough, because lost bytes or errors have a definite
 * cause. */
static enum compare_outcome compare_limits(const struct comparison *two, FILE *out)
{
	enum compare_outcome outcome = COMPARE_SAME;

	for (size_t i = 0; i < two->b->n_limits; i++) {
		const struct result_limit *b = &two->b->limits[i];
		const struct result_limit *a = find_limit(two->a, b->name);
		enum compare_outcome one = COMPARE_SAME;

		if (a == NULL || is_compared(b->name)) {
			continue;
		}
		if (a->holds != b->holds) {
			one = b->holds ? COMPARE_BETTER : COMPARE_WORSE;
		}
		if (a->value + b->value > 0 || one != COMPARE_SAME) {
			say_line(out, "%-18s %10" PRIu64 " %-15s %10" PRIu64 " %-15s %s", b->name,
				a->value, a->holds ? "holds" : "does not hold", b->value,
				b->holds ? "holds" : "does not hold", compare_words(one));
		}
		outcome = both(outcome, one);
	}
	return outcome;
}

enum compare_outcome compare_results(const struct comparison *two, FILE *out)
{
	enum compare_outcome outcome;

	fprintf(out, "%-18s %-26s %s\n", "", "       A", "       B");
	outcome = compare_counts(two, out);
	outcome = both(outcome, compare_times(two, out));
	return both(outcome, compare_limits(two, out));
}

/* ---- outside of the rows ---- */

/**
 * Between the timestamps of a byte and of its close there are three wake-ups: of the proxy by the
 * byte, of the proxy by its timer, of weirload by the close. A delay like those of weirload's own
 * loop may have hit each of them, and with it all closes that were due at that time. Such closes
 * are not independent, but one event.
 */
uint64_t compare_tolerance_us(const struct comparison *two, uint64_t given_ns)
{
	uint64_t us = clock_later(two->a->loop_delay.max, two->b->loop_delay.max);

	return given_ns == NS_NEVER ? clock_later(WAKE_UPS * us, TOLERANCE_US)
				    : given_ns / NS_PER_US;
}

void compare_tell_differences(const struct comparison *two, FILE *out)
{
	const char *target = result_option(two->a, "target");

	if (strcmp(target, result_option(two->b, "target")) != 0) {
		say_line(out, "A tried %s, B %s", target, result_option(two->b, "target"));
	}
	if (strcmp(two->a->host, two->b->host) != 0 ||
		strcmp(two->a->kernel, two->b->kernel) != 0) {
		say_line(out, "A was made on %s, %s; B on %s, %s", two->a->host, two->a->kernel,
			two->b->host, two->b->kernel);
	}
	if (two->a->loop_delay.p99 > BUSIER * two->b->loop_delay.p99 ||
		two->b->loop_delay.p99 > BUSIER * two->a->loop_delay.p99) {
		fprintf(out,
			"not as busy a machine: weirload's own loops were late by p99 %.3f ms in "
			"A, "
			"%.3f ms in B\n",
			(double)two->a->loop_delay.p99 / 1000,
			(double)two->b->loop_delay.p99 / 1000);
	}
	if (strcmp(two->a->version, two->b->version) != 0) {
		say_line(out, "A was made by weirload %s, B by %s", two->a->version,
			two->b->version);
	}
}

/* ---- whether they can be compared ---- */

/** Whether an option is part of what was tried. Where a run was made, where it is reported, and its
 * limits are not. */
static bool is_tried(const char *name)
{
	static const char *const names[] = {"target", "source", "json", "csv", "junit", "html",
		"progress_us", "max_early", "max_failed", "max_never", "max_lost", "max_unserved",
		"max_latency_us", "secret_file", "control", "drain_command", "suite"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			return false;
		}
	}
	return true;
}

/** Whether an option is an address; of these it only matters whether they are given. */
static bool is_address(const char *name)
{
	return strcmp(name, "serve") == 0 || strcmp(name, "blackhole") == 0 ||
	       strcmp(name, "remote") == 0;
}

static bool differ(const char *name, const char *a, const char *b)
{
	return is_address(name) ? (*a == '\0') != (*b == '\0') : strcmp(a, b) != 0;
}

static const char *or_none(const char *text)
{
	return *text == '\0' ? "not given" : text;
}

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, RESULT_WHY_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/** Checks that the other result has the same options as `all`. */
static int check_options(const struct result *all, const struct comparison *two, char *why)
{
	for (size_t i = 0; i < all->n_options; i++) {
		const char *name = all->options[i].name;
		const char *a = result_option(two->a, name);
		const char *b = result_option(two->b, name);

		if (is_tried(name) && differ(name, a, b)) {
			return refuse(why,
				"they have tried different things: %.64s is %.100s in A, and "
				"%.100s in B; give two runs of the same",
				name, or_none(a), or_none(b));
		}
	}
	return 0;
}

static int check_one(const struct result *result, const char *name, char *why)
{
	if (result->is_interrupted) {
		return refuse(why, "%s was interrupted: run it again", name);
	}
	if (!holds(result, "max_void")) {
		return refuse(why,
			"%s proves nothing, for weirload itself was late: run it again with fewer "
			"--connections, or more --threads",
			name);
	}
	if (!holds(result, "min_begun")) {
		return refuse(why, "%s did not begin: run it again", name);
	}
	return 0;
}

int compare_check(const struct comparison *two, char *ret_why)
{
	int r;

	if (strcmp(two->a->scenario, two->b->scenario) != 0) {
		return refuse(ret_why,
			"they have tried different things: A is of %.64s, and B of %.64s; give two "
			"runs of the same scenario",
			two->a->scenario, two->b->scenario);
	}
	r = check_options(two->a, two, ret_why);
	if (r == 0) {
		r = check_options(two->b, two, ret_why);
	}
	if (r == 0 && two->a->is_measured) {
		r = refuse(ret_why, "they were run without --expect: no close is right or wrong "
				    "there; run them with it");
	}
	if (r == 0) {
		r = check_one(two->a, "A", ret_why);
	}
	if (r == 0) {
		r = check_one(two->b, "B", ret_why);
	}
	if (r == 0 && judged(two->a) + judged(two->b) == 0) {
		r = refuse(ret_why, "no close was judged in either of them");
	}
	return r;
}
