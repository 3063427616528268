/* SPDX-License-Identifier: ISC */
#include "upstream/rule.h"

const struct rule *rule_of(enum conf_balance balance)
{
	static const struct rule *const rules[] = {
		[BALANCE_ROUND_ROBIN] = &rule_round_robin,
		[BALANCE_LEAST_PAIRS] = &rule_least_pairs,
		[BALANCE_RANDOM] = &rule_random,
		[BALANCE_HASH] = &rule_hash,
		[BALANCE_FIRST] = &rule_first,
		[BALANCE_PORTS] = &rule_ports,
	};

	return rules[balance];
}
