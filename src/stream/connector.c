/* SPDX-License-Identifier: ISC */
/*
 * The usual way: on_step() asks the resolver or takes the address; attempt.c makes the socket,
 * calls connect(2) and lets the stream watch it; when connect(2) has ended, the stream defers
 * attempt_on_ended(), which calls done().
 *
 *	STARTING ──▶ RESOLVING ──▶ CONNECTING ──▶ OVER
 *	    └────────────────────▶ │  ▲  └── EAGAIN (UNIX) ──▶ QUEUEING ─▶ OVER
 *	                           └──┘ next address              │ ▲
 *	                                                          └─┘ timer
 *
 * What can fail: the lookup fails or hangs (RESOLVING); socket(2) or connect(2) fails at once,
 * later, or not in time (CONNECTING); a UNIX server's queue stays full (QUEUEING). Each is a failed
 * attempt: failed() is called, then the next address is tried, or done() is called if no attempt is
 * in progress.
 *
 * Nothing runs from inside connector_open(): the first step is a deferred task as well. The fd is
 * watched only once, by the stream that will own it, so a connection costs one epoll_ctl(2).
 */
#include "stream/connector.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/shortage.h"
#include "stream/connector_private.h"
#include "stream/resolver.h"
#include "stream/stream.h"

/*
 * Each pair allocates a connector after its first stream and before its second, and frees it soon
 * after. glibc keeps freed blocks of up to this size for the next one; larger ones leave holes in
 * the heap.
 */
enum { REUSED_BYTES = 1032 };

static_assert(sizeof(struct connector) + sizeof(struct lookup_state) <= REUSED_BYTES, "holes");

static struct attempt *oldest_attempt(const struct connector *connector)
{
	return container_of(connector->attempts.next, struct attempt, link);
}

static void drop_all(struct connector *connector)
{
	while (!list_empty(&connector->attempts)) {
		attempt_drop(oldest_attempt(connector));
	}
	if (connector->fd >= 0) {
		close(connector->fd);
		connector->fd = -1;
	}
	attempt_give_spares(connector);
}

/** Stores the last attempt, for done(). */
static void note_last(struct connector *connector, const struct attempt *attempt, int status)
{
	connector->last = (struct connector_attempt){
		.sa = attempt->sa,
		.sa_len = attempt->sa_len,
		.status = status,
		.forbidden = connector->forbidden,
	};
	if (connector->is_name) {
		connector->lookup->last = attempt->address;
		connector->last.sa = &connector->lookup->last.any;
	}
}

/** Calls done(). The owner may close the connector, so this must be the last statement. */
static void finish(struct connector *connector, struct stream *stream)
{
	connector->state = OVER;
	drop_all(connector);
	timer_arm(&connector->timer, NS_NEVER);
	connector->opts.done(connector->opts.owner, connector->last.status, stream,
		&connector->last, connector->late_ns);
}

static void tell_failed(const struct connector *connector, const struct connector_attempt *attempt)
{
	if (connector->opts.failed != NULL) {
		connector->opts.failed(connector->opts.owner, attempt);
	}
}

static void fail(struct attempt *attempt, int status)
{
	struct connector *connector = attempt->connector;

	note_last(connector, attempt, status);
	if (connector->fd >= 0) {
		close(connector->fd);
		connector->fd = -1;
	}
	attempt_drop(attempt);
	tell_failed(connector, &connector->last);
}

/** An attempt is connected: drops all others. */
static void win(struct attempt *attempt)
{
	struct connector *connector = attempt->connector;
	struct stream *stream = attempt->stream;

	list_for_each (link, &connector->attempts) {
		struct attempt *other = container_of(link, struct attempt, link);

		if (other != attempt) {
			fail(other, -ECANCELED);
		}
	}
	note_last(connector, attempt, 0);
	connector->late_ns = 0;
	if (connector->is_name && attempt->sa->sa_family != connector->lookup->query.first) {
		resolver_prefer(connector->opts.name, attempt->sa->sa_family);
	}
	attempt->stream = NULL;
	finish(connector, stream);
}

/* ---- one address after another ---- */

/**
 * Arms the timer for the next attempt or retry, or for the first deadline of an attempt, if that is
 * earlier.
 */
static void arm(struct connector *connector)
{
	uint64_t next_ns = connector->next_ns;

	attempt_give_spares(connector);
	list_for_each (link, &connector->attempts) {
		struct attempt *attempt = container_of(link, struct attempt, link);

		next_ns = clock_earlier(next_ns, attempt->deadline_ns);
	}
	timer_arm(&connector->timer, next_ns);
}

static bool is_left(const struct connector *connector)
{
	const struct resolver_answer *answer;

	if (!connector->is_name) {
		return connector->n_tried == 0;
	}
	answer = connector->lookup->query.answer;
	return answer != NULL && connector->n_tried < answer->n_addresses;
}

/** For a link-local address: sets the index of the interface that has the zone's name now. */
static int set_zone(struct attempt *attempt)
{
	union addr_sockaddr sa;
	int r = addr_now(attempt->connector->opts.addr, &sa);

	if (r == 0) {
		attempt->address.in6 = sa.in6;
		attempt->sa = &attempt->address.any;
	}
	return r;
}

/** Sets the attempt's address to the next one; there must be one left. */
static int set_address(struct attempt *attempt)
{
	struct connector *connector = attempt->connector;
	const struct addr *addr = connector->opts.addr;
	const struct resolver_query *query = &connector->lookup->query;
	unsigned n = connector->n_tried++;

	if (!connector->is_name) {
		attempt->sa = &addr->sa.any;
		attempt->sa_len = addr->sa_len;
		return addr->kind == ADDR_INET && addr->host[0] != '\0' ? set_zone(attempt) : 0;
	}
	attempt->address = *resolver_address(query->answer, query->first, n);
	/* The port is at the same place in both families. */
	attempt->address.in.sin_port = htons(addr->port);
	attempt->sa = &attempt->address.any;
	attempt->sa_len = resolver_address_len(&attempt->address);
	return 0;
}

/** Begins the next attempt. Returns as attempt_begin(); if it failed, failed() was called. */
static int begin_next(struct connector *connector)
{
	bool is_extra = connector->n_under_way > 0;
	struct attempt *attempt = attempt_add(connector);
	int r;

	if (attempt == NULL) {
		return -ENOMEM; /* this cannot happen for the first one */
	}
	r = set_address(attempt);
	attempt->begin_ns = clock_ns();
	attempt->deadline_ns = clock_after(attempt->begin_ns, connector->opts.timeout_ns);
	connector->next_ns =
		is_left(connector) ? clock_after(attempt->begin_ns, CONNECTOR_NEXT_NS) : NS_NEVER;
	if (r == 0) {
		r = attempt_begin(attempt);
	}
	if (r == 1) {
		win(attempt);
	} else if (r < 0 && is_extra && is_shortage(r)) {
		/* Attempts in progress go on; this address is tried when one of them ends. */
		attempt_drop(attempt);
		connector->n_tried--;
	} else if (r < 0) {
		connector->late_ns = 0;
		fail(attempt, r);
	}
	return r;
}

/**
 * Reports to the resolver that no address of the name could be connected to, since its addresses
 * may be out of date.
 */
static void doubt(struct connector *connector)
{
	if (connector->is_name && connector->lookup->query.answer != NULL &&
		!connector->forbidden && !is_shortage(connector->last.status)) {
		resolver_doubt(connector->opts.name, connector->lookup->query.answer);
	}
}

/** Tries addresses until one is in progress or connected, or none is left. */
static void go_on(struct connector *connector)
{
	while (is_left(connector) && attempt_take_room(connector)) {
		int r = begin_next(connector);

		if (r == 1) {
			return;
		}
		if (r == 0) {
			arm(connector);
			return;
		}
		/* If this process lacks resources, another address would not help. */
		if (connector->forbidden || is_shortage(r)) {
			break;
		}
	}
	if (connector->n_under_way > 0 && !connector->forbidden) {
		connector->next_ns = NS_NEVER; /* continue when one of them ends */
		arm(connector);
		return;
	}
	doubt(connector);
	finish(connector, NULL);
}

static void fail_and_go_on(struct attempt *attempt, int status, uint64_t late_ns)
{
	struct connector *connector = attempt->connector;

	connector->late_ns = late_ns;
	fail(attempt, status);
	if (is_shortage(status) && connector->n_under_way == 0) {
		finish(connector, NULL);
	} else {
		go_on(connector);
	}
}

/* ---- events ---- */

void attempt_on_ended(struct task *task)
{
	struct attempt *attempt = container_of(task, struct attempt, ended);
	int status = attempt_status(attempt);

	if (status == 0) {
		win(attempt);
	} else {
		fail_and_go_on(attempt, status, 0);
	}
}

static void lookup_failed(struct connector *connector, int status, bool in_line, uint64_t late_ns)
{
	connector->late_ns = late_ns;
	connector->last = (struct connector_attempt){.status = status, .in_line = in_line};
	tell_failed(connector, &connector->last);
	finish(connector, NULL);
}

static void on_answered(struct resolver_query *query, int status)
{
	struct lookup_state *lookup = container_of(query, struct lookup_state, query);
	struct connector *connector = container_of(lookup, struct connector, lookup[0]);

	if (status < 0) {
		lookup_failed(connector, status, false, 0);
	} else {
		go_on(connector);
	}
}

static void resolve(struct connector *connector)
{
	struct lookup_state *lookup = connector->lookup;
	int r = resolver_ask(
		connector->opts.name, connector->opts.loop, &lookup->query, on_answered);

	if (r < 0) {
		lookup_failed(connector, r, false, 0);
	} else if (r == 1) {
		go_on(connector);
	} else {
		connector->state = RESOLVING;
		lookup->begin_ns = clock_ns();
		lookup->deadline_ns = clock_after(lookup->begin_ns, connector->opts.timeout_ns);
		timer_arm(&connector->timer, lookup->deadline_ns);
	}
}

static void on_step(struct task *task)
{
	struct connector *connector = container_of(task, struct connector, step);

	if (connector->is_name) {
		resolve(connector);
	} else {
		go_on(connector);
	}
}

/** The lookup's deadline has come. The time before the lookup began does not count against it. */
static void on_lookup_due(struct connector *connector)
{
	struct lookup_state *lookup = connector->lookup;
	uint64_t begun_ns = resolver_begun_ns(&lookup->query);
	uint64_t now_ns = clock_ns();

	if (begun_ns != NS_NEVER && !lookup->begun) {
		lookup->begun = true;
		lookup->begin_ns = begun_ns;
		lookup->deadline_ns = clock_later(
			lookup->deadline_ns, clock_after(begun_ns, connector->opts.timeout_ns));
	}
	if (now_ns < lookup->deadline_ns) {
		timer_arm(&connector->timer, lookup->deadline_ns);
		return;
	}
	resolver_cancel(&lookup->query);
	lookup_failed(connector, -ETIMEDOUT, begun_ns == NS_NEVER, now_ns - lookup->deadline_ns);
}

/** Connects to a UNIX server again. Returns whether its queue is still full. */
static bool is_still_full(struct connector *connector)
{
	struct attempt *attempt = oldest_attempt(connector);
	int r = attempt_repeat(attempt);

	if (r == 1) {
		win(attempt);
	} else if (r < 0) {
		fail_and_go_on(attempt, r, 0);
	} else if (connector->state != QUEUEING) {
		arm(connector);
	}
	return r == 0 && connector->state == QUEUEING;
}

/**
 * A deadline, the next attempt or the next retry is due. An attempt whose connect(2) has ended
 * meanwhile does not time out: attempt_on_ended() will be called.
 */
static void on_timer(struct timer *timer)
{
	struct connector *connector = container_of(timer, struct connector, timer);
	struct attempt *oldest;
	uint64_t now_ns;

	if (connector->state == RESOLVING) {
		on_lookup_due(connector);
		return;
	}
	if (connector->state == QUEUEING && !is_still_full(connector)) {
		return;
	}
	oldest = oldest_attempt(connector);
	now_ns = clock_ns();
	if (now_ns < oldest->deadline_ns) {
		if (connector->state == QUEUEING || now_ns < connector->next_ns) {
			arm(connector);
		} else {
			go_on(connector);
		}
	} else if (connector->state == QUEUEING || !attempt_has_ended(oldest)) {
		fail_and_go_on(oldest, -ETIMEDOUT, now_ns - oldest->deadline_ns);
	}
}

/* ---- life ---- */

/** Whether all required options are set, and the address is one to connect to. */
static bool is_whole(const struct connector_opts *opts)
{
	if (opts == NULL || opts->loop == NULL || opts->addr == NULL || opts->done == NULL) {
		return false;
	}
	return opts->addr->kind != ADDR_ANY && opts->addr->kind != ADDR_SYSTEMD &&
	       (opts->addr->kind != ADDR_NAME || opts->name != NULL);
}

struct connector *connector_open(const struct connector_opts *opts)
{
	struct connector *connector;
	size_t n_lookups;
	size_t size;
	int r;

	if (!is_whole(opts)) {
		errno = EINVAL;
		return NULL;
	}
	assert(loop_is_current(opts->loop));
	n_lookups = opts->addr->kind == ADDR_NAME;
	size = sizeof(*connector) + n_lookups * sizeof(struct lookup_state);
	connector = malloc(size); /* calloc(3) would not reuse the kept block */
	if (connector == NULL) {
		return NULL;
	}
	memset(connector, 0, size);
	connector->opts = *opts;
	connector->is_name = n_lookups > 0;
	connector->fd = -1;
	connector->next_ns = NS_NEVER;
	list_init(&connector->attempts);
	r = timer_open(&connector->timer, opts->loop, on_timer);
	if (r < 0) {
		free(connector);
		errno = -r;
		return NULL;
	}
	task_init(&connector->step, on_step);
	loop_defer(opts->loop, &connector->step);
	return connector;
}

struct connector *connector_close(struct connector *connector)
{
	if (connector == NULL) {
		return NULL;
	}
	assert(loop_is_current(connector->opts.loop));
	loop_cancel(connector->opts.loop, &connector->step);
	drop_all(connector);
	if (connector->is_name) {
		if (connector->state == RESOLVING) {
			resolver_cancel(&connector->lookup->query);
		}
		(void)resolver_answer_unref(connector->lookup->query.answer);
	}
	timer_close(&connector->timer);
	free(connector);
	return NULL;
}

void connector_set_timeout(struct connector *connector, uint64_t timeout_ns)
{
	uint64_t now_ns = clock_ns();

	if (connector == NULL) {
		return;
	}
	assert(loop_is_current(connector->opts.loop));
	connector->opts.timeout_ns = timeout_ns;
	if (connector->state == RESOLVING) {
		struct lookup_state *lookup = connector->lookup;

		lookup->deadline_ns =
			clock_later(clock_after(lookup->begin_ns, timeout_ns), now_ns);
		timer_arm(&connector->timer, lookup->deadline_ns);
	} else if (connector->state == CONNECTING || connector->state == QUEUEING) {
		list_for_each (link, &connector->attempts) {
			struct attempt *attempt = container_of(link, struct attempt, link);

			attempt->deadline_ns =
				clock_later(clock_after(attempt->begin_ns, timeout_ns), now_ns);
		}
		arm(connector);
	}
}

uint64_t connector_deadline_ns(const struct connector *connector)
{
	if (connector == NULL) {
		return NS_NEVER;
	}
	if (connector->state == RESOLVING) {
		return connector->lookup->deadline_ns;
	}
	return list_empty(&connector->attempts) ? NS_NEVER : oldest_attempt(connector)->deadline_ns;
}

bool connector_is_in_line(const struct connector *connector)
{
	return connector != NULL && connector->state == RESOLVING &&
	       resolver_begun_ns(&connector->lookup->query) == NS_NEVER;
}
