/* SPDX-License-Identifier: ISC */
#include "load/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/character.h"
#include "load/run.h"
#include "load/say.h"

#define PAUSE_NS ((uint64_t)200 * NS_PER_MS)

enum { LINE_MAX_BYTES = 512 };

/** How much is said; on a terminal, as much as has room. */
enum form {
	FORM_WHOLE,
	FORM_SHORT, /**< only the counts that matter */
	FORM_BARE,  /**< the same, and only the number of a suite's run */
	FORMS,
};

void progress_init(struct progress *progress, const struct run *run)
{
	bool in_place = isatty(STDERR_FILENO) == 1;

	*progress = (struct progress){
		.run = run,
		.on = in_place ? !run->options->quiet : run->options->progress_ns != NS_NEVER,
		.in_place = in_place,
		.every_ns = in_place ? PAUSE_NS : run->options->progress_ns,
		.shown_ns = in_place ? 0 : clock_ns(),
	};
	if (progress->on) {
		progress->late = malloc(sizeof(*progress->late));
		progress->on = progress->late != NULL;
	}
}

/** The p99 of the lateness until now, in us. */
static uint64_t p99_us(struct progress *progress)
{
	const struct run *run = progress->run;

	memset(progress->late, 0, sizeof(*progress->late));
	for (uint64_t i = 0; i < run->options->n_threads; i++) {
		hdr_merge(progress->late, &run->lanes[i].late);
	}
	return hdr_percentile(progress->late, 99);
}

/** When the last close is expected, if that is known. */
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

/** How many clients have this verdict; if clients are not judged, how many server ends. */
static uint64_t judged(const struct run *run, enum verdict verdict)
{
	uint64_t n = atomic_load(&run->n_verdicts[SIDE_CLIENT][verdict]);

	return n > 0 ? n : atomic_load(&run->n_verdicts[SIDE_SERVER][verdict]);
}

static void write_closes(struct progress *progress, enum form form, FILE *out)
{
	const struct run *run = progress->run;

	if (options_measures(run->options)) {
		fprintf(out, "; closed %ju", (uintmax_t)judged(run, VERDICT_MEASURED));
	} else {
		fprintf(out, "; %searly %ju, in time %ju, late %ju",
			form == FORM_WHOLE ? "closed " : "", (uintmax_t)judged(run, VERDICT_EARLY),
			(uintmax_t)judged(run, VERDICT_ON_TIME),
			(uintmax_t)judged(run, VERDICT_LATE));
	}
	if (judged(run, VERDICT_NEVER) > 0) {
		fprintf(out, ", never %ju", (uintmax_t)judged(run, VERDICT_NEVER));
	}
	if (form == FORM_WHOLE && hdr_count(&run->lanes[0].late) > 0) {
		fprintf(out, ", p99 +%.3f ms", (double)p99_us(progress) / 1000);
	}
}

/** Writes the label of a suite's run, such as "1 of 9, idle through edge: "; in a bare line only
 * its number. */
static void write_label(const char *label, enum form form, FILE *out)
{
	if (label != NULL && form == FORM_BARE) {
		fprintf(out, "%.*s: ", (int)strcspn(label, ",:"), label);
	} else if (label != NULL) {
		fputs(label, out);
	}
}

/** "opened 9 of 9, established 9, failed 0; closed early 0, in time 3, late 0; 1 s, about 3 s
 * left", or in short "opened 9 of 9, failed 0; early 0, in time 3, late 0; 3 s left". */
static void write_line(struct progress *progress, enum form form, FILE *out)
{
	const struct run *run = progress->run;
	bool is_whole = form == FORM_WHOLE;
	bool is_measured = options_measures(run->options);
	uint64_t now_ns = clock_ns();
	uint64_t end = end_ns(run);
	uint64_t n_established = atomic_load(&run->n_opened);
	uint64_t n_settled = atomic_load(&run->n_settled);

	write_label(run->options->label, form, out);
	fprintf(out, "opened %ju of %ju", (uintmax_t)atomic_load(&run->n_begun),
		(uintmax_t)run->options->n_connections);
	if (is_whole) {
		fprintf(out, ", established %ju", (uintmax_t)n_established);
	}
	fprintf(out, ", failed %ju",
		(uintmax_t)(n_settled - clock_earlier(n_settled, n_established)));
	write_closes(progress, form, out);
	if (is_whole || is_measured) {
		fprintf(out, "; %.0f s", (double)(now_ns - run->began_ns) / NS_PER_S);
	}
	if (!is_measured) {
		fprintf(out, is_whole ? ", about %.0f s left" : "; %.0f s left",
			end > now_ns ? (double)(end - now_ns) / NS_PER_S : 0.0);
	}
}

/** How many bytes of the line fit on one line of the terminal: one that wraps cannot be redrawn. */
static int room(const char *line)
{
	struct winsize size;
	int len = (int)strlen(line);

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
		(void)character_fit(line, size.ws_col - 1, &len);
	}
	return len;
}

static void make_line(struct progress *progress, enum form form, char line[LINE_MAX_BYTES])
{
	FILE *out = fmemopen(line, LINE_MAX_BYTES, "w");

	line[0] = '\0';
	if (out != NULL) {
		write_line(progress, form, out);
		(void)fclose(out);
	}
	line[LINE_MAX_BYTES - 1] = '\0';
}

void progress_show(struct progress *progress)
{
	char line[LINE_MAX_BYTES];
	uint64_t now_ns = clock_ns();

	if (!progress->on || now_ns - progress->shown_ns < progress->every_ns) {
		return;
	}
	progress->shown_ns = now_ns;
	make_line(progress, FORM_WHOLE, line);
	if (progress->in_place) {
		for (enum form form = FORM_SHORT; form < FORMS && (size_t)room(line) < strlen(line);
			form++) {
			make_line(progress, form, line);
		}
		fprintf(stderr, "\r\033[K%.*s", room(line), line); /* its label is plain */
	} else {
		say_error("%s", line);
	}
	(void)fflush(stderr);
}

void progress_fini(struct progress *progress)
{
	if (progress->on && progress->in_place) {
		fprintf(stderr, "\r\033[K");
		(void)fflush(stderr);
	}
	free(progress->late);
}
