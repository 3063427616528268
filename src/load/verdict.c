/* SPDX-License-Identifier: ISC */
#include "load/verdict.h"

#include "base/clock.h"

/** By how much a measured time may be wrong because of weirload's own delay: DELAY_NS, or the time
 * divided by DELAY_PART if that is more. */
#define DELAY_NS ((uint64_t)100 * NS_PER_MS)
enum { DELAY_PART = 20 };

static enum verdict judge_measured(const struct verdict_facts *facts, uint64_t after_ns)
{
	if (facts->is_void || facts->delay_ns > clock_later(DELAY_NS, after_ns / DELAY_PART)) {
		return VERDICT_VOID;
	}
	return facts->is_sending ? VERDICT_EARLY : VERDICT_MEASURED;
}

enum verdict verdict_judge(const struct verdict_facts *facts, int64_t *ret_late_ns)
{
	uint64_t late_ns;

	if (facts->closed_ns < facts->early_ns) {
		*ret_late_ns = -(int64_t)(facts->early_ns - facts->closed_ns);
		return facts->is_void ? VERDICT_VOID : VERDICT_EARLY;
	}
	/* Between the two timestamps it is on time, as far as can be seen from outside the
	 * proxy. */
	late_ns = facts->closed_ns < facts->late_ns ? 0 : facts->closed_ns - facts->late_ns;
	*ret_late_ns = (int64_t)late_ns;
	if (facts->is_measured) {
		return judge_measured(facts, late_ns);
	}
	if (facts->is_void || facts->is_sending) {
		return VERDICT_VOID;
	}
	if (late_ns <= facts->max_late_ns) {
		return VERDICT_ON_TIME;
	}
	late_ns -= clock_earlier(late_ns, facts->delay_ns);
	return late_ns <= facts->max_late_ns ? VERDICT_VOID : VERDICT_LATE;
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	static const uint8_t ranks[VERDICTS] = {
		[VERDICT_NONE] = 0,
		[VERDICT_MEASURED] = 1,
		[VERDICT_ON_TIME] = 2,
		[VERDICT_LATE] = 3,
		[VERDICT_UNFINISHED] = 4,
		[VERDICT_NEVER] = 5,
		[VERDICT_EARLY] = 6,
		[VERDICT_VOID] = 7,
		[VERDICT_FAILED] = 8,
	};

	return ranks[a] >= ranks[b] ? a : b;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[VERDICTS] = {
		[VERDICT_NONE] = "",
		[VERDICT_FAILED] = "failed",
		[VERDICT_VOID] = "void",
		[VERDICT_EARLY] = "early",
		[VERDICT_ON_TIME] = "on_time",
		[VERDICT_LATE] = "late",
		[VERDICT_MEASURED] = "measured",
		[VERDICT_NEVER] = "never",
		[VERDICT_UNFINISHED] = "unfinished",
	};

	return names[verdict];
}
