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
	proxy->current = shared->generation->shares[index];
	share_enter(proxy->current);
}

int proxy_listen(struct proxy *proxy, struct generation *generation, struct listener_socket *socket)
{
	struct share *share = generation->shares[proxy->index];

	assert(loop_is_current(proxy->loop));
	return listener_open(&share->terms[socket->listener], socket);
}

/* ---- another generation ---- */

/** New timeouts for the pairs of an older share: of those listeners whose name still exists. */
static void apply_timeouts(
	struct share *share, const struct generation *generation, uint64_t now_ns)
{
	for (size_t i = 0; i < share->generation->conf->n_listeners; i++) {
		struct terms *terms = &share->terms[i];
		size_t index = generation_find(generation, terms->listener->name);

		if (index != SIZE_MAX) {
			terms->rules.timeouts = generation->conf->listeners[index].timeouts;
			terms->rules.since_ns = now_ns;
		}
	}
}

static void proxy_apply_timeouts(struct proxy *proxy, const struct generation *generation)
{
	uint64_t now_ns = clock_ns();

	list_for_each (link, &proxy->shares) {
		struct share *share = container_of(link, struct share, link);

		if (share->generation != generation) {
			apply_timeouts(share, generation, now_ns);
		}
	}
	list_for_each (link, &proxy->sessions) {
		session_apply_timeouts(container_of(link, struct session, link));
	}
}

void proxy_turn(struct proxy *proxy, struct generation *generation)
{
	struct share *before = proxy->current;

	assert(loop_is_current(proxy->loop));
	proxy->current = generation->shares[proxy->index];
	share_enter(proxy->current);
	list_for_each (link, &proxy->listeners) {
		struct listener *listener = container_of(link, struct listener, link);

		if (listener->socket->listener == LISTENER_GOES) {
			listener_drain(listener);
		} else {
			listener_turn(listener, &proxy->current->terms[listener->socket->listener]);
		}
	}
	proxy_resume(proxy); /* some have another limit now */
	if (generation->conf->apply_timeouts) {
		proxy_apply_timeouts(proxy, generation);
	}
	share_leave(before);
}

static void proxy_drain_sessions(struct proxy *proxy, const struct deadline_drain *drain)
{
	assert(loop_is_current(proxy->loop));
	proxy->draining = true;
	proxy->drain = *drain;
	list_for_each (link, &proxy->sessions) {
		session_drain(container_of(link, struct session, link), &proxy->drain);
	}
}

void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain)
{
	proxy_drain_sessions(proxy, drain);
	list_for_each (link, &proxy->listeners) {
		listener_drain(container_of(link, struct listener, link));
	}
	proxy_check_quiet(proxy);
}

void proxy_end(struct proxy *proxy, uint64_t now_ns)
{
	proxy_drain_sessions(
		proxy, &(struct deadline_drain){
			       .start_ns = now_ns, .idle_first_ns = NS_NEVER, .end_ns = now_ns});
	list_for_each (link, &proxy->listeners) {
		listener_close(container_of(link, struct listener, link));
	}
	proxy_check_quiet(proxy);
}

void proxy_fini(struct proxy *proxy)
{
	assert(loop_is_current(proxy->loop) && proxy->n_sessions == 0);
	list_for_each (link, &proxy->listeners) {
		listener_close(container_of(link, struct listener, link));
	}
	share_leave(proxy->current);
	loop_cancel(proxy->loop, &proxy->retry);
	if (atomic_load(&proxy->resume_posted)) {
		(void)loop_post_cancel(proxy->loop, &proxy->resume);
	}
	free(proxy->late);
	proxy->late = NULL;
}

void proxy_check_quiet(struct proxy *proxy)
{
	if (proxy->draining && proxy->n_sessions == 0 && list_empty(&proxy->listeners) &&
		proxy->quiet != NULL) {
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
