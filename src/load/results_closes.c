/* SPDX-License-Identifier: ISC */
/* Closes over time, and the worst connections. */
#include <stdlib.h>

#include "base/clock.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

/** The end from which a pair has its verdict. */
static const struct conn *judged_end(const struct conn *client)
{
	const struct conn *mate = conn_mate(client);
	enum verdict verdict = results_verdict(client);

	return mate != NULL && client->verdict != verdict && mate->verdict == verdict ? mate
										      : client;
}

/* ---- over time ---- */

/** The length of a moment: 1, 2, 5, 10 ... ms, so that the run has at most RESULT_MOMENTS_MAX of
 * them. */
static uint64_t moment_us(uint64_t lasted_us)
{
	static const uint64_t steps[] = {1, 2, 5};
	uint64_t ten_us = NS_PER_MS / NS_PER_US;
	uint64_t us = ten_us;

	for (size_t i = 0; lasted_us / us >= RESULT_MOMENTS_MAX; i++) {
		ten_us *= i % 3 == 2 ? 10 : 1;
		us = steps[(i + 1) % 3] * ten_us;
	}
	return us;
}

static struct result_moment *moment_at(struct results *results, uint64_t ns)
{
	uint64_t began_ns = results->run->began_ns;
	uint64_t us = ns < began_ns ? 0 : (ns - began_ns) / NS_PER_US;
	size_t i = (size_t)(us / results->closes.moment_us);

	return &results->closes
			.moments[i < results->closes.n_moments ? i : results->closes.n_moments - 1];
}

static void count_moments(struct results *results, const struct conn *client)
{
	enum verdict verdict = results_verdict(client);
	uint64_t over_ns = judged_end(client)->over_ns;

	if (client->opened_ns != 0 && client->verdict != VERDICT_FAILED) {
		moment_at(results, client->opened_ns)->n_opened++;
	}
	if (over_ns != 0 && verdict != VERDICT_NONE && verdict != VERDICT_UNFINISHED) {
		moment_at(results, over_ns)->verdicts[verdict]++;
	}
}

/* ---- the worst ---- */

bool results_is_timed(const struct conn *conn)
{
	bool is_judged = conn->verdict == VERDICT_EARLY || conn->verdict == VERDICT_ON_TIME ||
			 conn->verdict == VERDICT_LATE || conn->verdict == VERDICT_VOID ||
			 conn->verdict == VERDICT_MEASURED;

	return is_judged && conn->end != CONN_END_OURS && !conn->is_finished &&
	       !conn->script->is_lasting;
}

int64_t results_late_us(const struct results *results, const struct conn *conn)
{
	const struct side_results *side =
		&results->sides[conn->is_server ? SIDE_SERVER : SIDE_CLIENT];
	int64_t us = conn->late_ns / (int64_t)NS_PER_US;

	if (conn->verdict == VERDICT_MEASURED && side->n_after > 0) {
		us -= (int64_t)results_percentile(side->after_us, side->n_after, 50);
	}
	return us;
}

/** The rank of a verdict: those that prove nothing against the proxy come last. */
static unsigned rank(enum verdict verdict)
{
	static const uint8_t ranks[VERDICTS] = {
		[VERDICT_NONE] = 0,
		[VERDICT_UNFINISHED] = 0,
		[VERDICT_MEASURED] = 1,
		[VERDICT_ON_TIME] = 1,
		[VERDICT_VOID] = 2,
		[VERDICT_LATE] = 3,
		[VERDICT_NEVER] = 4,
		[VERDICT_EARLY] = 5,
		[VERDICT_FAILED] = 6,
	};

	return ranks[verdict];
}

static bool is_worse(const struct results *results, const struct conn *a, const struct conn *b)
{
	unsigned rank_a = rank(results_verdict(a));
	unsigned rank_b = rank(results_verdict(b));

	return rank_a != rank_b ? rank_a > rank_b
				: llabs(results_late_us(results, judged_end(a))) >
					  llabs(results_late_us(results, judged_end(b)));
}

/** Inserts a connection if it is one of the worst until now. */
static void keep_worst(struct results *results, const struct conn *client)
{
	struct closes *closes = &results->closes;
	size_t i = closes->n_worst;

	if (rank(results_verdict(client)) == 0 ||
		(i == RESULT_WORST_MAX &&
			!is_worse(results, client, closes->worst[RESULT_WORST_MAX - 1]))) {
		return;
	}
	i -= i == RESULT_WORST_MAX;
	for (; i > 0 && is_worse(results, client, closes->worst[i - 1]); i--) {
		closes->worst[i] = closes->worst[i - 1];
	}
	closes->worst[i] = client;
	closes->n_worst += closes->n_worst < RESULT_WORST_MAX;
}

void results_count_closes(struct results *results)
{
	const struct run *run = results->run;
	uint64_t lasted_us = (run->ended_ns - run->began_ns) / NS_PER_US;

	results->closes.moment_us = moment_us(lasted_us);
	results->closes.n_moments = (size_t)(lasted_us / results->closes.moment_us) + 1;
	for (uint64_t i = 0; i < run->options->n_connections; i++) {
		const struct conn *client = &run->clients[i];

		if (client->state != CONN_UNUSED) {
			count_moments(results, client);
			keep_worst(results, client);
		}
	}
}
