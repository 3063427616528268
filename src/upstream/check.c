/* SPDX-License-Identifier: ISC */
/*
 * One timer for each check: for the next due time, or, while a check is in progress, for its
 * timeout.
 *
 *	IDLE ── due ──▶ ASKING ── outcome: on_asked() ──▶ IDLE
 *	                  │ timeout                        ▲
 *	                  └─▶ LOOKING ── outcome, or ──────┘
 *	                      a turn later: it has expired
 *
 * LOOKING waits for one more turn of the loop, so that an answer that came in time is read even if
 * the kernel did not run the process for a long time.
 */
#include "upstream/check.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/list.h"
#include "base/sockopts.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum check_stage { IDLE, ASKING, LOOKING };

/** Copies of what a question points to, since the caller's may go. */
struct kept {
	struct addr addr;
	struct addr source;
	struct sockopts options;
	char *bytes; /**< those of `send`, then those of `expect` */
};

struct check {
	struct check_opts opts; /**< its question points to `kept` */
	struct kept kept;
	struct timer timer;
	struct task look; /* while LOOKING: waits for the next turn of the loop */
	struct probe probe;
	enum check_stage stage;
	bool is_up;
	bool is_decided;    /**< the first check has a result */
	unsigned n_against; /**< checks in a row that contradict is_up */
	uint64_t since_ns;
	uint64_t due_ns; /**< of the check in progress, or of the next one */
	uint64_t late_ns;
};

/* ---- when ---- */

static uint64_t interval_ns(const struct check *check)
{
	return check->is_up ? check->opts.every_ns : check->opts.every_down_ns;
}

/** Arms the timer for the next check, at a time that it shares with checks of other targets. */
static void await_due(struct check *check)
{
	uint64_t due_ns = check->due_ns;

	if (interval_ns(check) >= 10 * CHECK_SLACK_NS) {
		due_ns = clock_after(due_ns, CHECK_SLACK_NS - 1);
		due_ns -= due_ns % CHECK_SLACK_NS;
	}
	check->stage = IDLE;
	(void)timer_arm(&check->timer, due_ns);
}

/** After the check that was due at due_ns: computes the next due time in the future. */
static void plan_next(struct check *check)
{
	uint64_t interval = interval_ns(check);
	uint64_t now_ns = clock_ns();

	check->due_ns = clock_after(check->due_ns, interval);
	if (check->due_ns <= now_ns) {
		check->due_ns += interval * ((now_ns - check->due_ns) / interval + 1);
	}
	await_due(check);
}

static uint64_t after_phase(const struct check *check, uint64_t now_ns)
{
	uint64_t interval = interval_ns(check);

	uint64_t whole = (interval >> 32) * check->opts.phase;
	uint64_t rest = ((interval & UINT32_MAX) * check->opts.phase) >> 32;

	return clock_after(now_ns, whole + rest);
}

/* ---- results ---- */

/** Counts a result. If it changes the state of the target, returns how many checks in a row have
 * led to that; otherwise 0. */
static unsigned decide(struct check *check, bool passed)
{
	unsigned n_needed = check->is_up ? check->opts.fall : check->opts.rise;
	unsigned n;

	if (!check->is_decided) {
		n_needed = 1;
		check->is_decided = true;
	}
	if (passed == check->is_up) {
		check->n_against = 0;
		return 0;
	}
	n = ++check->n_against;
	if (n < n_needed) {
		return 0;
	}
	check->n_against = 0;
	check->is_up = passed;
	return n;
}

static void on_asked(struct probe *probe, const struct probe_outcome *outcome)
{
	struct check *check = container_of(probe, struct check, probe);
	struct check_change change = {.outcome = outcome};
	uint64_t now_ns = clock_ns();

	loop_cancel(check->opts.question.loop, &check->look);
	if (outcome->result == PROBE_UNJUDGED) {
		plan_next(check);
		if (check->opts.unjudged != NULL) {
			check->opts.unjudged(check->opts.owner, outcome->err);
		}
		return;
	}
	if (check->opts.judged != NULL) {
		check->opts.judged(check->opts.owner, probe_passed(outcome));
	}
	change.n_checks = decide(check, probe_passed(outcome));
	change.is_up = check->is_up;
	plan_next(check);
	if (change.n_checks > 0) {
		change.lasted_ns = now_ns - check->since_ns;
		check->since_ns = now_ns;
		check->opts.changed(check->opts.owner, &change);
	}
}

/* ---- asking ---- */

static void ask(struct check *check)
{
	int r = probe_begin(&check->probe, &check->opts.question);

	if (r < 0) {
		struct probe_outcome outcome = {.result = PROBE_UNJUDGED, .err = r};

		on_asked(&check->probe, &outcome);
		return;
	}
	check->stage = ASKING;
	(void)timer_arm(&check->timer, clock_after(clock_ns(), check->opts.timeout_ns));
}

static void on_timer(struct timer *timer)
{
	struct check *check = container_of(timer, struct check, timer);
	uint64_t now_ns = clock_ns();

	switch (check->stage) {
	case IDLE:
		check->late_ns = now_ns - check->due_ns;
		ask(check);
		break;
	case ASKING:
		check->stage = LOOKING;
		loop_next(check->opts.question.loop, &check->look);
		break;
	case LOOKING: /* no timer is armed */
		break;
	}
}

/** The loop has polled once more. */
static void on_look(struct task *task)
{
	probe_expire(&container_of(task, struct check, look)->probe);
}

/** Cancels the check in progress. */
static void stop_asking(struct check *check)
{
	loop_cancel(check->opts.question.loop, &check->look);
	probe_cancel(&check->probe);
	check->stage = IDLE;
}

/* ---- life ---- */

/** Lets the question point to the copies. */
static void point_to_kept(struct check *check)
{
	struct probe_question *question = &check->opts.question;
	struct kept *kept = &check->kept;

	question->addr = &kept->addr;
	question->source = question->source == NULL ? NULL : &kept->source;
	question->options = question->options == NULL ? NULL : &kept->options;
	question->send = kept->bytes;
	question->expect = kept->bytes + question->n_send;
}

static void copy(char *to, const char *from, size_t n)
{
	if (n > 0) { /* else there may be nothing to copy from */
		memcpy(to, from, n);
	}
}

/** Replaces the settings. 0, or -ENOMEM; then nothing has changed. */
static int take(struct check *check, const struct check_opts *opts)
{
	const struct probe_question *question = &opts->question;
	char *bytes = malloc(question->n_send + question->n_expect + 1);

	if (bytes == NULL) {
		return -ENOMEM;
	}
	copy(bytes, question->send, question->n_send);
	copy(bytes + question->n_send, question->expect, question->n_expect);
	free(check->kept.bytes);
	check->kept.bytes = bytes;
	check->kept.addr = *question->addr;
	if (question->source != NULL) {
		check->kept.source = *question->source;
	}
	if (question->options != NULL) {
		check->kept.options = *question->options;
	}
	check->opts = *opts;
	point_to_kept(check);
	return 0;
}

static bool is_same_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

static bool is_same_source(const struct addr *a, const struct addr *b)
{
	return a == NULL || b == NULL ? a == b : addr_equal(a, b);
}

/** Whether both questions send the same to the same target. */
static bool is_same(const struct probe_question *a, const struct probe_question *b)
{
	return addr_equal(a->addr, b->addr) && a->name == b->name &&
	       a->send_proxy == b->send_proxy && is_same_source(a->source, b->source) &&
	       is_same_text(a->send, a->n_send, b->send, b->n_send) &&
	       is_same_text(a->expect, a->n_expect, b->expect, b->n_expect);
}

static bool is_whole(const struct check_opts *opts)
{
	return opts->every_ns > 0 && opts->every_down_ns > 0 && opts->rise > 0 && opts->fall > 0 &&
	       opts->changed != NULL;
}

struct check *check_open(const struct check_opts *opts)
{
	struct check *check = calloc(1, sizeof(*check));

	assert(is_whole(opts));
	if (check == NULL) {
		return NULL;
	}
	if (take(check, opts) < 0 || timer_open(&check->timer, opts->question.loop, on_timer) < 0) {
		free(check->kept.bytes);
		free(check);
		return NULL;
	}
	task_init(&check->look, on_look);
	check->probe.done = on_asked;
	check->is_up = true;
	check->since_ns = clock_ns();
	check->due_ns = after_phase(check, check->since_ns);
	await_due(check);
	return check;
}

struct check *check_close(struct check *check)
{
	if (check != NULL) {
		stop_asking(check);
		timer_close(&check->timer);
		free(check->kept.bytes);
		free(check);
	}
	return NULL;
}

/** The interval has changed: computes when the next check is due. The last was due at `last_ns`. */
static void plan_anew(struct check *check, uint64_t last_ns)
{
	uint64_t now_ns = clock_ns();
	uint64_t due_ns = clock_after(last_ns, interval_ns(check));

	if (!check->is_decided || due_ns <= now_ns) {
		/* Many checks may change at once: the phase keeps them spread. */
		due_ns = clock_earlier(check->due_ns, after_phase(check, now_ns));
	}
	check->due_ns = due_ns;
	await_due(check);
}

int check_set(struct check *check, const struct check_opts *opts)
{
	uint64_t before_ns = interval_ns(check);
	bool is_other = !is_same(&check->opts.question, &opts->question);
	int r;

	assert(is_whole(opts) && opts->question.fds == check->opts.question.fds);
	r = take(check, opts);
	if (r < 0) {
		return r;
	}
	if (check->stage == IDLE && interval_ns(check) != before_ns) {
		plan_anew(check, check->due_ns - before_ns);
	} else if (check->stage != IDLE && is_other) {
		stop_asking(check);
		(void)timer_arm(&check->timer, clock_ns());
	}
	return 0;
}

bool check_is_up(const struct check *check)
{
	return check->is_up;
}

uint64_t check_since_ns(const struct check *check)
{
	return check->since_ns;
}

uint64_t check_late_ns(const struct check *check)
{
	return check->late_ns;
}
