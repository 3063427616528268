/* SPDX-License-Identifier: ISC */
#include "load/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/run.h"

#define PAUSE_NS ((uint64_t)200 * NS_PER_MS)

void progress_init(struct progress *progress, const struct run *run)
{
	*progress = (struct progress){
		.run = run, .on = !run->options->quiet && isatty(STDERR_FILENO) == 1};
	if (progress->on) {
		progress->late = malloc(sizeof(*progress->late));
		progress->on = progress->late != NULL;
	}
}

/** The p99 of the lateness so far, in us. */
static uint64_t p99_us(struct progress *progress)
{
	const struct run *run = progress->run;

	memset(progress->late, 0, sizeof(*progress->late));
	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		hdr_merge(progress->late, &run->lanes[i].late);
	}
	return hdr_percentile(progress->late, 99);
}

/** When the last close is expected, as far as that is known. */
static uint64_t end_ns(const struct run *run)
{
	const struct options *options = run->options;
	uint64_t go_ns = atomic_load(&run->go_ns);
	uint64_t opened_ns = run->began_ns +
			     (uint64_t)((double)options->n_connections / options->ramp * NS_PER_S);
	uint64_t last_ns = go_ns == NS_NEVER ? opened_ns : go_ns;

	last_ns += options->spread_ns == NS_NEVER ? 0 : options->spread_ns;
	last_ns += options->for_ns == NS_NEVER ? 0 : options->for_ns;
	return clock_after(last_ns, options->expect_ns);
}

void progress_show(struct progress *progress)
{
	const struct run *run = progress->run;
	uint64_t now_ns = clock_ns();
	uint64_t over;
	uint64_t left_ns;

	if (!progress->on || now_ns - progress->shown_ns < PAUSE_NS) {
		return;
	}
	progress->shown_ns = now_ns;
	over = atomic_load(&run->n_over);
	left_ns = end_ns(run) > now_ns ? end_ns(run) - now_ns : 0;
	fprintf(stderr, "\r\033[Kopened %ju of %ju  open %ju  closed %ju",
		(uintmax_t)atomic_load(&run->n_opened), (uintmax_t)run->options->n_connections,
		(uintmax_t)(atomic_load(&run->n_settled) - over), (uintmax_t)over);
	if (options_measures(run->options)) {
		fprintf(stderr, "  for %.0f s", (double)(now_ns - run->began_ns) / NS_PER_S);
	} else {
		fprintf(stderr, "  p99 +%.3f ms  about %.0f s left",
			(double)p99_us(progress) / 1000, (double)left_ns / NS_PER_S);
	}
	(void)fflush(stderr);
}

void progress_fini(struct progress *progress)
{
	if (progress->on) {
		fprintf(stderr, "\r\033[K");
		(void)fflush(stderr);
	}
	free(progress->late);
}
