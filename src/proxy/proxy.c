/* SPDX-License-Identifier: ISC */
#include "proxy/proxy.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/generation.h"
#include "proxy/listener.h"
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
		if (limit_await(listener->terms->limit)) {
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
	list_init(&proxy->shares);
	task_init(&proxy->resume, on_resume);
	task_init(&proxy->retry, on_retry);
	list_init(&proxy->changing);
	list_init(&proxy->sessions_changing);
	task_init(&proxy->change, on_change);
	proxy->current = shared->generation->shares[index];
	share_enter(proxy->current);
}

int proxy_listen(struct proxy *proxy, struct generation *generation, struct listener_socket *socket)
{
	struct share *share = generation->shares[proxy->index];

	int r;

	assert(loop_is_current(proxy->loop));
	r = listener_open(&share->terms[socket->listener], socket);
	if (r == 0 && proxy->draining) {
		/* It comes too late for the drain, which is none of its other listeners'. */
		list_move_all(&proxy->changing, &proxy->listeners);
		loop_next(proxy->loop, &proxy->change);
	}
	return r;
}

/* ---- changes of many listeners and sessions, in slices ---- */

enum {
	LISTENERS_A_TURN = 16, /* each some system calls: about 10 us, and later a close */
	TERMS_A_TURN = 512,
	SESSIONS_A_TURN = 512,
};

/** What the state of the proxy wants of a listener, however often it changed meanwhile. */
static void change_listener(struct proxy *proxy, struct listener *listener)
{
	if (proxy->ending) {
		listener_close(listener);
	} else if (proxy->draining || listener->socket->listener == LISTENER_GOES) {
		listener_drain(listener);
	} else {
		listener_turn(listener, &proxy->current->terms[listener->socket->listener]);
	}
}

static bool change_listeners(struct proxy *proxy)
{
	for (unsigned n = 0; !list_empty(&proxy->changing); n++) {
		struct list *link = proxy->changing.next;

		if (n == LISTENERS_A_TURN) {
			return false;
		}
		list_remove(link);
		list_append(&proxy->listeners, link);
		change_listener(proxy, container_of(link, struct listener, link));
	}
	return true;
}

/** The share after it; the one that is looked at has a user meanwhile, so that it stays. */
static struct share *next_share(struct proxy *proxy, struct share *share)
{
	struct list *link = share == NULL ? proxy->shares.next : share->link.next;
	struct share *next = link == &proxy->shares ? NULL : container_of(link, struct share, link);

	if (next != NULL) {
		share_enter(next);
	}
	if (share != NULL) {
		share_leave(share);
	}
	return next;
}

/** New timeouts for the pairs of older shares: of those listeners whose name still exists. */
static bool change_terms(struct proxy *proxy)
{
	const struct generation *generation = proxy->current->generation;

	for (unsigned n = 0; proxy->applying != NULL; n++) {
		struct share *share = proxy->applying;
		struct terms *terms = &share->terms[proxy->applying_index];
		size_t index;

		if (share == proxy->current ||
			proxy->applying_index == share->generation->conf->n_listeners) {
			proxy->applying = next_share(proxy, share);
			proxy->applying_index = 0;
			continue;
		}
		if (n >= TERMS_A_TURN) {
			return false;
		}
		index = generation_find(generation, terms->listener->name);
		if (index != SIZE_MAX) {
			terms->rules.timeouts = generation->conf->listeners[index].timeouts;
			terms->rules.since_ns = proxy->applying_ns;
		}
		proxy->applying_index++;
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
		share_leave(proxy->before);
		proxy->before = NULL;
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
	proxy->current = generation->shares[proxy->index];
	share_enter(proxy->current);
	list_move_all(&proxy->changing, &proxy->listeners);
	if (generation->conf->apply_timeouts) {
		proxy->applying_ns = clock_ns();
		proxy->applying = next_share(proxy, NULL);
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
		proxy->applying = next_share(proxy, proxy->applying);
	}
	if (proxy->before != NULL) {
		share_leave(proxy->before);
	}
	share_leave(proxy->current);
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
