/* SPDX-License-Identifier: ISC */
#include "load/verdict.h"

enum verdict verdict_judge(const struct verdict_facts *facts, int64_t *ret_late_ns)
{
	if (facts->closed_ns < facts->early_ns) {
		*ret_late_ns = -(int64_t)(facts->early_ns - facts->closed_ns);
		return facts->is_void ? VERDICT_VOID : VERDICT_EARLY;
	}
	/* Between the two stamps it is in time, as far as anybody outside the proxy can tell. */
	*ret_late_ns = facts->closed_ns < facts->late_ns
			       ? 0
			       : (int64_t)(facts->closed_ns - facts->late_ns);
	if (facts->is_void || facts->is_sending) {
		return VERDICT_VOID;
	}
	return (uint64_t)*ret_late_ns <= facts->max_late_ns ? VERDICT_ON_TIME : VERDICT_LATE;
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	static const uint8_t ranks[VERDICTS] = {
		[VERDICT_NONE] = 0,
		[VERDICT_ON_TIME] = 1,
		[VERDICT_LATE] = 2,
		[VERDICT_UNFINISHED] = 3,
		[VERDICT_NEVER] = 4,
		[VERDICT_EARLY] = 5,
		[VERDICT_VOID] = 6,
		[VERDICT_FAILED] = 7,
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
		[VERDICT_NEVER] = "never",
		[VERDICT_UNFINISHED] = "unfinished",
	};

	return names[verdict];
}
