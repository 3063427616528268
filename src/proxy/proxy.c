/* SPDX-License-Identifier: ISC */
#include "proxy/proxy.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/bound_socket.h"
#include "proxy/generation.h"
#include "proxy/listener.h"
#include "proxy/offer.h"
#include "proxy/session.h"

/* ---- waiting at a limit ---- */

enum { RETRIES_A_TURN = 64 };

/**
 * Looks at those that wait, the longest first, and lets those try again that may find a place. Who
 * is left has noted at a limit that is full that he waits there (limit_await()).
 */
static void proxy_retry(struct proxy *proxy)
{
	for (unsigned n = 0; !list_empty(&proxy->retrying); n++) {
		struct listener *listener;

		if (n == RETRIES_A_TURN) {
			loop_next(proxy->loop, &proxy->retry);
			return;
		}
		if (!limit_await(&proxy->shared->pairs)) {
			list_move_all(&proxy->retrying, &proxy->waiting); /* behind them */
			list_move_all(&proxy->waiting, &proxy->retrying);
			return;
		}
		listener = container_of(proxy->retrying.next, struct listener, waiting);
		list_remove(&listener->waiting);
		if (limit_await(listener->terms->offer->limit)) {
			listener_resume(listener);
		} else {
			list_append(&proxy->waiting, &listener->waiting);
		}
	}
}

static void on_retry(struct task *task)
{
	proxy_retry(container_of(task, struct proxy, retry));
}

/** Who waits looks at the limits again. */
static void proxy_resume(struct proxy *proxy)
{
	list_move_all(&proxy->retrying, &proxy->waiting);
	proxy_retry(proxy);
}

static void on_resume(struct task *task)
{
	struct proxy *proxy = container_of(task, struct proxy, resume);

	atomic_store(&proxy->resume_posted, false);
	proxy_resume(proxy);
}

void proxy_wait(struct proxy *proxy, struct listener *listener)
{
	list_remove(&listener->waiting);
	list_append(&proxy->waiting, &listener->waiting);
}

/* ---- life ---- */

static void on_change(struct task *task);

void proxy_init(struct proxy *proxy, struct loop *loop, struct proxy_shared *shared, size_t index)
{
	*proxy = (struct proxy){
		.loop = loop,
		.shared = shared,
		.index = index,
		/* 1.6 MiB, of which the few pages are touched that latenesses fall into. */
		.late = calloc(DEADLINE_KINDS, sizeof(struct hdr)),
	};
	list_init(&proxy->sessions);
	list_init(&proxy->listeners);
	list_init(&proxy->waiting);
	list_init(&proxy->retrying);
	list_init(&proxy->terms);
	task_init(&proxy->resume, on_resume);
	task_init(&proxy->retry, on_retry);
	list_init(&proxy->changing);
	list_init(&proxy->sessions_changing);
	task_init(&proxy->change, on_change);
	proxy->current = generation_ref(shared->generation);
}

/** The terms of a listener, by its place in the conf. */
static struct terms *proxy_terms(
	const struct proxy *proxy, const struct generation *generation, size_t listener)
{
	return &generation->offers[listener]->terms[proxy->index];
}

int proxy_listen(struct proxy *proxy, struct generation *generation, struct bound_socket *socket)
{
	int r;

	assert(loop_is_current(proxy->loop));
	r = listener_open(proxy_terms(proxy, generation, socket->next), socket);
	if (r == 0 && proxy->draining) {
		/* It comes too late for the drain, which is none of its other listeners'. */
		list_move_all(&proxy->changing, &proxy->listeners);
		loop_next(proxy->loop, &proxy->change);
	}
	return r;
}

/* ---- changes of many listeners and sessions, in slices ---- */

enum {
	LISTENERS_A_TURN = 8, /* each some system calls: about 10 us, and of thousands some 100 */
	TERMS_A_TURN = 512,
	SESSIONS_A_TURN = 512,
};

/** What the state of the proxy wants of a listener, however often it changed meanwhile. */
static void change_listener(struct proxy *proxy, struct listener *listener)
{
	if (proxy->draining || listener->socket->listener == LISTENER_NONE) {
		listener_drain(listener);
	} else {
		listener_turn(
			listener, proxy_terms(proxy, proxy->current, listener->socket->listener));
	}
}

/** The kernel mostly closes a listening socket in 50 us, but of thousands some take a millisecond:
 * one a turn. */
static bool change_listeners(struct proxy *proxy)
{
	for (unsigned n = 0; !list_empty(&proxy->changing); n++) {
		struct list *link = proxy->changing.next;
		struct listener *listener = container_of(link, struct listener, link);

		if (n == LISTENERS_A_TURN) {
			return false;
		}
		if (proxy->ending || listener->drained) {
			listener_close(listener);
			return list_empty(&proxy->changing);
		}
		list_remove(link);
		list_append(&proxy->listeners, link);
		change_listener(proxy, listener);
	}
	return true;
}

void proxy_close(struct proxy *proxy, struct listener *listener)
{
	list_remove(&listener->link);
	list_append(&proxy->changing, &listener->link);
	loop_next(proxy->loop, &proxy->change);
}

/** The next that are in use; those that are looked at have a user meanwhile, so that they stay. */
static struct terms *next_terms(struct proxy *proxy, struct terms *terms)
{
	struct list *link = terms == NULL ? proxy->terms.next : terms->link.next;
	struct terms *next = link == &proxy->terms ? NULL : container_of(link, struct terms, link);

	if (next != NULL) {
		terms_enter(next);
	}
	if (terms != NULL) {
		terms_leave(terms);
	}
	return next;
}

/** New timeouts for older pairs, if the name of their listener still exists. */
static void apply_timeouts(const struct proxy *proxy, struct terms *terms)
{
	const struct generation *generation = proxy->current;
	size_t index = generation_find(generation, terms->offer->name);

	if (index != SIZE_MAX && generation->offers[index] != terms->offer) {
		terms->rules.timeouts = generation->conf->listeners[index].timeouts;
		terms->rules.since_ns = proxy->applying_ns;
	}
}

/**
 * All terms of the generation before, since more connections may be handed over that were accepted
 * on them, and those of older ones that are in use.
 */
static bool change_terms(struct proxy *proxy)
{
	unsigned n = 0;

	for (; proxy->before != NULL && proxy->n_applied < proxy->before->conf->n_listeners; n++) {
		if (n == TERMS_A_TURN) {
			return false;
		}
		apply_timeouts(proxy, proxy_terms(proxy, proxy->before, proxy->n_applied++));
	}
	for (; proxy->applying != NULL; n++) {
		if (n == TERMS_A_TURN) {
			return false;
		}
		apply_timeouts(proxy, proxy->applying);
		proxy->applying = next_terms(proxy, proxy->applying);
	}
	return true;
}

static bool change_sessions(struct proxy *proxy)
{
	for (unsigned n = 0; !list_empty(&proxy->sessions_changing); n++) {
		struct list *link = proxy->sessions_changing.next;
		struct session *session = container_of(link, struct session, link);

		if (n == SESSIONS_A_TURN) {
			return false;
		}
		list_remove(link);
		list_append(&proxy->sessions, link);
		if (proxy->draining) {
			session_drain(session, &proxy->drain);
		} else {
			session_apply_timeouts(session);
		}
	}
	return true;
}

/** One slice; the last one ends it. */
static void proxy_change(struct proxy *proxy)
{
	if (!change_listeners(proxy) || !change_terms(proxy) || !change_sessions(proxy)) {
		loop_next(proxy->loop, &proxy->change);
		return;
	}
	if (proxy->before != NULL) {
		proxy_resume(proxy); /* some have another limit now */
		proxy->before = generation_unref(proxy->before);
		if (proxy->turned != NULL) {
			proxy->turned(proxy->owner);
		}
	}
	proxy_check_quiet(proxy);
}

static void on_change(struct task *task)
{
	proxy_change(container_of(task, struct proxy, change));
}

void proxy_turn(struct proxy *proxy, struct generation *generation)
{
	assert(loop_is_current(proxy->loop) && proxy->before == NULL);
	proxy->before = proxy->current;
	proxy->current = generation_ref(generation);
	list_move_all(&proxy->changing, &proxy->listeners);
	proxy->n_applied = proxy->before->conf->n_listeners;
	if (generation->conf->apply_timeouts) {
		proxy->applying_ns = clock_ns();
		proxy->n_applied = 0;
		proxy->applying = next_terms(proxy, NULL);
		list_move_all(&proxy->sessions_changing, &proxy->sessions);
	}
	proxy_change(proxy);
}

static void proxy_begin_drain(struct proxy *proxy, const struct deadline_drain *drain)
{
	assert(loop_is_current(proxy->loop));
	proxy->draining = true;
	proxy->drain = *drain;
	list_move_all(&proxy->changing, &proxy->listeners);
	list_move_all(&proxy->sessions_changing, &proxy->sessions);
	proxy_change(proxy);
}

void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain)
{
	proxy_begin_drain(proxy, drain);
}

void proxy_end(struct proxy *proxy, uint64_t now_ns)
{
	proxy->ending = true;
	proxy_begin_drain(
		proxy, &(struct deadline_drain){
			       .start_ns = now_ns, .idle_first_ns = NS_NEVER, .end_ns = now_ns});
}

void proxy_fini(struct proxy *proxy)
{
	assert(loop_is_current(proxy->loop) && proxy->n_sessions == 0);
	list_move_all(&proxy->listeners, &proxy->changing);
	list_for_each (link, &proxy->listeners) {
		listener_close(container_of(link, struct listener, link));
	}
	while (proxy->applying != NULL) {
		proxy->applying = next_terms(proxy, proxy->applying);
	}
	proxy->before = generation_unref(proxy->before);
	proxy->current = generation_unref(proxy->current);
	loop_cancel(proxy->loop, &proxy->retry);
	loop_cancel(proxy->loop, &proxy->change);
	if (atomic_load(&proxy->resume_posted)) {
		(void)loop_post_cancel(proxy->loop, &proxy->resume);
	}
	free(proxy->late);
	proxy->late = NULL;
}

void proxy_check_quiet(struct proxy *proxy)
{
	if (proxy->draining && proxy->n_sessions == 0 && list_empty(&proxy->listeners) &&
		list_empty(&proxy->changing) && proxy->quiet != NULL) {
		proxy->quiet(proxy->owner);
	}
}

void proxy_session_ended(struct proxy *proxy)
{
	assert(loop_is_current(proxy->loop) && proxy->n_sessions > 0);
	proxy->n_sessions--;
	proxy_check_quiet(proxy);
}

/* ---- limits ---- */

/** Tells every worker that there may be room again. */
static void proxy_wake_all(struct proxy_shared *shared)
{
	for (size_t i = 0; i < shared->n_proxies; i++) {
		struct proxy *proxy = shared->proxies[i];

		if (!atomic_exchange(&proxy->resume_posted, true)) {
			loop_post(proxy->loop, &proxy->resume);
		}
	}
}

struct limit *proxy_admit(struct proxy_shared *shared, struct limit *own)
{
	if (!limit_take(own)) {
		return own;
	}
	if (limit_take(&shared->pairs)) {
		return NULL;
	}
	/* Who was refused the place that we held in vain waits for the global limit as we do. */
	if (limit_give(own) && limit_await(&shared->pairs)) {
		proxy_wake_all(shared);
	}
	return &shared->pairs;
}

void proxy_open(struct proxy_shared *shared)
{
	if (limit_open(&shared->pairs)) {
		proxy_wake_all(shared);
	}
}

void proxy_leave(struct proxy_shared *shared, struct limit *own)
{
	bool woken = limit_give(own);

	woken |= limit_give(&shared->pairs);
	if (woken) {
		proxy_wake_all(shared);
	}
}

void proxy_enforce(
	struct proxy_shared *shared, const struct generation *generation, uint32_t max_pairs)
{
	bool woken = limit_set(&shared->pairs, max_pairs);

	woken |= generation_enforce(generation);
	if (woken) {
		proxy_wake_all(shared);
	}
}
