/* SPDX-License-Identifier: ISC */
/* Says which groups have their servers checked: those of all upstreams of a generation
 * (generation.h). */
#include "proxy/generation.h"
#include "upstream/checks.h"
#include "upstream/plan.h"

void generation_check_servers(const struct generation *generation, struct checks *checks)
{
	const struct conf *conf = generation->conf;

	checks_begin(checks);
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		checks_follow(checks, generation->plans[i]->group, &conf->upstreams[i]);
	}
	checks_end(checks);
}
