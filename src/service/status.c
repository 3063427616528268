/* SPDX-License-Identifier: ISC */
#include "service/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crew/crew.h"
#include "crew/lateness.h"
#include "proxy/proxy.h"
#include "service/notify.h"

/* ---- the numbers ---- */

static uint64_t sum_closed(const struct status_facts *facts)
{
	uint64_t sum = 0;

	for (size_t reason = 0; reason < END_REASONS; reason++) {
		sum += facts->n_closed[reason];
	}
	return sum;
}

void status_gather(struct status *status, struct status_facts *facts, const struct crew *crew)
{
	uint64_t n_closed;

	facts->n_accepted = crew_sum(crew, offsetof(struct counters, n_accepted));
	facts->n_half_closed = crew_sum(crew, offsetof(struct counters, n_half_closed));
	for (size_t reason = 0; reason < END_REASONS; reason++) {
		facts->n_closed[reason] =
			crew_sum(crew, offsetof(struct counters, n_closed[reason]));
	}
	/* Adding up all histograms takes a while, so it is done only if a timer may have
	 * expired. */
	n_closed = sum_closed(facts);
	if (n_closed != status->n_closed) {
		status->n_closed = n_closed;
		status->has_p99 = lateness_p99(crew, &status->p99_us);
	}
	facts->has_p99 = status->has_p99;
	facts->p99_us = status->p99_us;
}

/* ---- the line ---- */

/** A text that grows. Parts that do not fit are left out. */
struct line {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, STATUS_TEXT_MAX - line->len, format, args);
	va_end(args);
	if (n > 0) {
		line->len += (size_t)n;
	}
	if (line->len >= STATUS_TEXT_MAX) {
		line->len = STATUS_TEXT_MAX - 1;
	}
}

/** Adds what weir is doing, and how many seconds are left, rounded up. */
static void add_phase(struct line *line, const struct status_facts *facts)
{
	static const char *const names[] = {
		[STOP_GRACE] = "Stopping, still accepting",
		[STOP_DRAIN] = "Draining",
		[STOP_END] = "Ending",
	};
	const char *name = facts->drain == DRAIN_GRACE ? "Draining by hand, still accepting"
						       : "Drained by hand";

	if (facts->phase == STOP_RUNNING && facts->drain == DRAIN_NONE) {
		return;
	}
	add(line, "%s", facts->phase == STOP_RUNNING ? name : names[facts->phase]);
	if (facts->left_ns != NS_NEVER && facts->phase != STOP_END) {
		add(line, ", %ju s left",
			(uintmax_t)(facts->left_ns / NS_PER_S +
				    (facts->left_ns % NS_PER_S != 0 ? 1 : 0)));
	}
	add(line, ": ");
}

static void add_closed(struct line *line, const struct status_facts *facts)
{
	const char *separator = " (";

	add(line, ", %ju closed", (uintmax_t)sum_closed(facts));
	for (enum end_reason reason = 0; reason < END_REASONS; reason++) {
		if (facts->n_closed[reason] > 0) {
			add(line, "%s%ju %s", separator, (uintmax_t)facts->n_closed[reason],
				end_reason_name(reason));
			separator = ", ";
		}
	}
	if (*separator == ',') {
		add(line, ")");
	}
}

static void add_reload(struct line *line, const struct status_reload *reload)
{
	struct tm tm;
	char when[32] = "";

	if (reload->at == 0) {
		return;
	}
	if (gmtime_r(&reload->at, &tm) != NULL) {
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	add(line, reload->failed ? ", reload failed %s" : ", reloaded %s", when);
}

void status_text(const struct status_facts *facts, char text[STATUS_TEXT_MAX])
{
	struct line line = {.text = text};

	*text = '\0';
	add_phase(&line, facts);
	add(&line, "%zu listener%s, %zu of %zu server%s usable, %u of %u pairs open",
		facts->n_listeners, facts->n_listeners == 1 ? "" : "s", facts->n_usable,
		facts->n_servers, facts->n_servers == 1 ? "" : "s", facts->n_pairs,
		facts->max_pairs);
	if (facts->n_half_closed > 0) {
		add(&line, " (%ju half-closed)", (uintmax_t)facts->n_half_closed);
	}
	add(&line, ", %ju accepted", (uintmax_t)facts->n_accepted);
	add_closed(&line, facts);
	add_reload(&line, &facts->reload);
	if (facts->has_p99) {
		add(&line, ", timers p99 +%ju.%03ju ms", (uintmax_t)facts->p99_us / 1000,
			(uintmax_t)facts->p99_us % 1000);
	}
}

void status_tell(struct status *status, const struct status_facts *facts)
{
	char text[STATUS_TEXT_MAX];

	status_text(facts, text);
	if (strcmp(text, status->told) != 0 && notify_status(text)) {
		strcpy(status->told, text);
	}
}
