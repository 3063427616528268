/* SPDX-License-Identifier: ISC */
/*
 * The followers, and what each of them gets.
 *
 *	woken ─▶ begin_round: up to 16 lines ─▶ serve one ─▶ serve the next ... all are served
 *	                ▲                                                          │
 *	                └──────────────────── lines are left ◀─────────────────────┘
 *
 * A round has the frames of the lines that it has read, and the stats if they are new. A follower
 * that comes during a round begins with the next one, and misses nothing.
 */
#include "control/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/slice.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"
#include "log/events.h"
#include "log/follow.h"
#include "log/log.h"

#define TICK_NS  ((uint64_t)NS_PER_S)
#define QUIET_NS ((uint64_t)EVENTS_QUIET_S * NS_PER_S)
/* At a stop: how long the main thread waits for the log thread, which may be stuck. */
#define LAST_NS ((uint64_t)100 * NS_PER_MS)

enum { LOOK_NS = 1000 * 1000 };

static const char retry[] = "retry: 1000\n\n";
static const char keep_alive[] = ":\n\n";
static const struct http_reply reply = {
	.status = 200,
	.type = "text/event-stream",
	/* Without this field some proxies buffer such answers. */
	.fields = "X-Accel-Buffering: no\r\n",
};
static const char stats_event[] = "stats";
static const char end_event[] = "end";

struct follower {
	struct list link; /* struct events::followers or unserved */
	struct control_asked *asked;
	bool is_full; /* it does not read; ready() will be called */
	uint64_t n_dropped;
	uint64_t sent_ns;
};

/* ---- one follower ---- */

/** Whether the follower wants events with this value of a parameter: one of those that it names or,
 * if it names none, any except those after a '!'. */
static bool wants(const struct follower *follower, const char *parameter, const char *value)
{
	const struct http_target *target = &follower->asked->target;
	bool named = false;
	bool fits = false;

	for (size_t i = 0; i < target->n_parameters; i++) {
		const char *said = target->parameters[i].value;
		bool is_not = *said == '!';

		if (strcmp(target->parameters[i].name, parameter) != 0) {
			continue;
		}
		named |= !is_not;
		if (value != NULL && strcmp(said + (is_not ? 1 : 0), value) == 0) {
			if (is_not) {
				return false;
			}
			fits = true;
		}
	}
	return fits || !named;
}

static bool wants_frame(const struct follower *follower, const struct events_frame *frame)
{
	if (frame->event == NULL) {
		return wants(follower, "event", stats_event);
	}
	return wants(follower, "event", frame->event) &&
	       wants(follower, "listener", frame->listener);
}

static void send_bytes(struct follower *follower, const char *bytes, size_t n)
{
	follower->sent_ns = clock_ns();
	if (!http_exchange_part(follower->asked->exchange, bytes, n)) {
		follower->is_full = true;
	}
}

/** Sends an event about the stream itself. */
static void send_own(struct follower *follower, const char *event, const char *more)
{
	char text[256];
	char time[EVENTS_TIME_MAX];
	int n = snprintf(text, sizeof(text),
		"event: %s\ndata: {\"time\":\"%s\",\"event\":\"%s\"%s}\n\n", event,
		events_time(events_now_ns(), time), event, more);

	send_bytes(follower, text, (size_t)n);
}

static void tell_dropped(struct follower *follower)
{
	char more[64];

	if (follower->n_dropped > 0 && !follower->is_full) {
		(void)snprintf(more, sizeof(more), ",\"events\":%" PRIu64, follower->n_dropped);
		follower->n_dropped = 0;
		send_own(follower, "dropped", more);
	}
}

static void on_ready(struct http_exchange *exchange)
{
	struct control_asked *asked = exchange->data;
	struct follower *follower = asked->data;

	follower->is_full = false;
	tell_dropped(follower);
}

/** Sends a follower all frames of a round that it wants, in one piece. */
static void serve(struct events *events, struct follower *follower)
{
	uint64_t n_lines = 0;
	size_t n = 0;
	char *bytes = NULL;

	tell_dropped(follower);
	for (size_t i = 0; i < events->n_frames; i++) {
		if (wants_frame(follower, &events->frames[i])) {
			n += events->frames[i].n;
			n_lines += events->frames[i].event != NULL ? 1 : 0;
		}
	}
	if (n > 0 && !follower->is_full) {
		bytes = malloc(n);
	}
	if (bytes == NULL) {
		follower->n_dropped += n_lines;
		return;
	}
	n = 0;
	for (size_t i = 0; i < events->n_frames; i++) {
		const struct events_frame *frame = &events->frames[i];

		if (wants_frame(follower, frame)) {
			memcpy(bytes + n, frame->text, frame->n);
			n += frame->n;
		}
	}
	send_bytes(follower, bytes, n);
	free(bytes);
}

/* ---- rounds ---- */

static void end_round(struct events *events)
{
	for (size_t i = 0; i < events->n_frames; i++) {
		events_frame_free(&events->frames[i]);
	}
	events->n_frames = 0;
}

/** Counts a line for which there is no memory or no room as missed by all followers. */
static void all_miss(struct events *events, uint64_t n)
{
	list_for_each (link, &events->followers) {
		container_of(link, struct follower, link)->n_dropped += n;
	}
}

/** Begins a round. Returns whether it has frames. */
static bool begin_round(struct events *events)
{
	struct log_record record;
	char text[LOG_LINE_MAX];
	uint64_t n_dropped;

	while (events->n_frames < EVENTS_LINES && log_follow_take(&record, text)) {
		struct events_frame *frame = &events->frames[events->n_frames];

		events->met++;
		if (!events_record_frame(
			    &record, text, events->control->opened_at, events->met, frame)) {
			all_miss(events, 1);
		} else if (strcmp(frame->event, end_event) == 0) {
			events->has_ended = true;
			events_frame_free(frame);
		} else {
			events->n_frames++;
		}
	}
	if (events->n_frames < EVENTS_LINES) { /* otherwise earlier lines may still be unread */
		n_dropped = log_follow_take_dropped();
		events->met += n_dropped;
		all_miss(events, n_dropped);
	}
	if (events->has_stats) {
		char *copy = strdup(events->stats_text);

		events->has_stats = false;
		if (copy != NULL) {
			events->frames[events->n_frames++] =
				(struct events_frame){.text = copy, .n = strlen(copy)};
		}
	}
	if (events->n_frames > 0) {
		list_move_all(&events->unserved, &events->followers);
	}
	return events->n_frames > 0;
}

/** Does one step. Returns whether there is more to do. */
static bool go_on(struct events *events)
{
	struct list *link = events->unserved.next;

	if (events->n_frames == 0) {
		return begin_round(events);
	}
	if (list_empty(&events->unserved)) {
		end_round(events);
		return true;
	}
	list_remove(link);
	list_append(&events->followers, link);
	serve(events, container_of(link, struct follower, link));
	return true;
}

static void on_slice(struct task *task)
{
	struct events *events = container_of(task, struct events, slice);
	struct buckets *slices = &events->control->slices;
	struct slice slice;
	bool more;

	slice_begin(&slice);
	do {
		more = go_on(events);
	} while (more && !slice_is_over(&slice));
	slice_end(&slice, slices);
	if (more) {
		loop_next(events->control->opts.loop, task);
	}
}

static void on_woken(struct task *task)
{
	struct events *events = container_of(task, struct events, woken);

	atomic_store(&events->posted, false);
	loop_next(events->control->opts.loop, &events->slice);
}

/** Called on the log thread. */
static void on_lines(void *owner)
{
	struct events *events = owner;

	if (!atomic_exchange(&events->posted, true)) {
		loop_post(events->control->opts.loop, &events->woken);
	}
}

/* ---- once a second ---- */

static void on_stats(struct control *control, char *text)
{
	struct events *events = control->events;

	events->stats = NULL;
	if (text != NULL) {
		free(events->stats_text);
		events->stats_text = text;
		events->has_stats = true;
		loop_next(control->opts.loop, &events->slice);
	}
}

static bool has_one_who_wants_stats(const struct events *events)
{
	const struct events_frame stats = {0};
	const struct list *const lists[] = {&events->followers, &events->unserved};

	for (size_t i = 0; i < 2; i++) {
		list_for_each (link, lists[i]) {
			if (wants_frame(container_of(link, struct follower, link), &stats)) {
				return true;
			}
		}
	}
	return false;
}

static void on_tick(struct timer *timer)
{
	struct events *events = container_of(timer, struct events, tick);
	uint64_t now_ns = clock_ns();

	list_for_each (link, &events->followers) {
		struct follower *follower = container_of(link, struct follower, link);

		if (!follower->is_full && now_ns - follower->sent_ns >= QUIET_NS) {
			send_bytes(follower, keep_alive, sizeof(keep_alive) - 1);
		}
	}
	if (events->stats == NULL && has_one_who_wants_stats(events)) {
		events->stats =
			events_stats_new(events->control, now_ns - events->due_ns, on_stats);
	}
	events->due_ns = now_ns + TICK_NS;
	timer_arm(timer, events->due_ns);
}

/* ---- the first follower comes, the last one goes ---- */

/** Begins to follow the log. NULL: no memory. */
static struct events *begin(struct control *control)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL || timer_open(&events->tick, control->opts.loop, on_tick) < 0) {
		free(events);
		return NULL;
	}
	events->control = control;
	list_init(&events->followers);
	list_init(&events->unserved);
	task_init(&events->woken, on_woken);
	task_init(&events->slice, on_slice);
	if (log_follow(on_lines, events, &events->met) < 0) {
		timer_close(&events->tick);
		free(events);
		return NULL;
	}
	events->due_ns = clock_ns();
	timer_arm(&events->tick, events->due_ns);
	return events;
}

static void end(struct events *events)
{
	struct loop *loop = events->control->opts.loop;

	log_unfollow();
	if (atomic_exchange(&events->posted, false)) {
		(void)loop_post_cancel(loop, &events->woken);
	}
	loop_cancel(loop, &events->slice);
	timer_close(&events->tick);
	events->stats = events_stats_free(events->stats);
	free(events->stats_text);
	end_round(events);
	events->control->events = NULL;
	free(events);
}

static void on_forget(struct control_asked *asked)
{
	struct events *events = asked->control->events;
	struct follower *follower = asked->data;

	list_remove(&follower->link);
	free(follower);
	if (list_empty(&events->followers) && list_empty(&events->unserved)) {
		end(events);
	}
}

/** How many lines a browser has missed. When it reconnects, it sends the id of the last event that
 * it got. An id from before a restart of weir is ignored: 0. */
static uint64_t read_missed(const struct events *events, const struct http_head *head)
{
	struct span last = http_head_field(head, "last-event-id");
	char text[64];
	char start[64];
	uint64_t number;
	char *at;

	if (last.bytes == NULL || last.n >= sizeof(text)) {
		return 0;
	}
	memcpy(text, last.bytes, last.n);
	text[last.n] = '\0';
	(void)snprintf(
		start, sizeof(start), "%" PRIxMAX "-", (uintmax_t)events->control->opened_at);
	if (strncmp(text, start, strlen(start)) != 0) {
		return 0;
	}
	number = strtoumax(text + strlen(start), &at, 10);
	return *at == '\0' && number < events->met ? events->met - number : 0;
}

/** Whether there is an event of this name that can come; else that was answered. */
static bool check_event(struct control_asked *asked, const char *name)
{
	const struct log_event *event = log_event_find(name);
	struct nearest nearest = nearest_begin(name);

	if (event != NULL && (event->traits & LOG_EVENT_UNSEEN) == 0) {
		return true;
	}
	if (event != NULL) {
		control_refuse(asked, 400,
			"event: \"%s\" comes only while nobody can follow; look into the log of "
			"weir",
			name);
		return false;
	}
	for (size_t i = 0; (event = log_event(i)) != NULL; i++) {
		nearest_try(&nearest, (event->traits & LOG_EVENT_UNSEEN) == 0 ? event->name : NULL);
	}
	control_refuse(asked, 400,
		"event: there is no \"%.64s\"%s%s%s; LOG in weir(8) and EVENTS in weir-http(7) "
		"have all events",
		name, nearest.known == NULL ? "" : ", the nearest is \"",
		nearest.known == NULL ? "" : nearest.known, nearest.known == NULL ? "" : "\"");
	return false;
}

/** Whether the filters are right; else that was answered. */
static bool check_filters(struct control_asked *asked)
{
	for (size_t i = 0; i < asked->target.n_parameters; i++) {
		const struct http_parameter *parameter = &asked->target.parameters[i];
		const char *value = parameter->value + (*parameter->value == '!' ? 1 : 0);
		bool is_event = strcmp(parameter->name, "event") == 0;

		if (!is_event && strcmp(parameter->name, "listener") != 0) {
			control_refuse(asked, 400,
				"%.64s: there is no such filter; known are event and listener",
				parameter->name);
			return false;
		}
		if (*value == '\0') {
			control_refuse(asked, 400, "%s: it is empty; leave it out to follow all",
				parameter->name);
			return false;
		}
		if (is_event && !check_event(asked, value)) {
			return false;
		}
	}
	return true;
}

/** Sends the head of the answer, and the first events of a follower. */
static void welcome(struct events *events, struct follower *follower)
{
	struct http_exchange *exchange = follower->asked->exchange;
	const struct events_frame stats = {0};

	exchange->ready = on_ready;
	http_exchange_begin(exchange, &reply);
	send_bytes(follower, retry, sizeof(retry) - 1);
	follower->n_dropped = read_missed(events, exchange->head);
	tell_dropped(follower);
	if (events->stats_text != NULL && wants_frame(follower, &stats)) {
		send_bytes(follower, events->stats_text, strlen(events->stats_text));
	}
}

void control_get_events(struct control_asked *asked)
{
	struct control *control = asked->control;
	struct follower *follower;

	if (!check_filters(asked)) {
		return;
	}
	if (asked->exchange->head->verb == HTTP_VERB_HEAD) {
		http_exchange_begin(asked->exchange, &reply);
		control_list_end(asked, "");
		return;
	}
	follower = calloc(1, sizeof(*follower));
	if (follower != NULL && control->events == NULL) {
		control->events = begin(control);
	}
	if (follower == NULL || control->events == NULL) {
		free(follower);
		control_refuse(asked, 503, "out of memory; ask again");
		return;
	}
	follower->asked = asked;
	asked->data = follower;
	asked->forget = on_forget;
	list_append(&control->events->followers, &follower->link);
	welcome(control->events, follower);
}

/* ---- the end ---- */

/** Logs a line and serves lines until that one has come, so that all lines before it were served.
 * Gives up after LAST_NS. */
static void take_last(struct events *events)
{
	uint64_t end_ns = clock_after(clock_ns(), LAST_NS);
	struct timespec pause = {.tv_nsec = LOOK_NS};
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, end_event)) {
		line.is_wanted = false;
		log_end(&line);
	}
	do { /* at least once, since a round may be under way, which has taken the followers */
		while (go_on(events)) {
		}
		if (!events->has_ended) {
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		}
	} while (!events->has_ended && clock_ns() < end_ns);
}

void control_end_events(struct control *control)
{
	if (control->events == NULL) {
		return;
	}
	take_last(control->events);
	while (control->events != NULL) { /* until the last follower is gone */
		struct follower *follower =
			container_of(control->events->followers.next, struct follower, link);

		tell_dropped(follower);
		send_own(follower, end_event, ",\"reason\":\"stop\"");
		control_list_end(follower->asked, "");
	}
}
