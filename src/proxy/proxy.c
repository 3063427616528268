/* SPDX-License-Identifier: ISC */
#include "proxy/proxy.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/listener.h"
#include "proxy/session.h"

static void on_resume(struct task *task)
{
	struct proxy *proxy = container_of(task, struct proxy, resume);

	atomic_store(&proxy->resume_posted, false);
	list_for_each (link, &proxy->listeners) {
		listener_resume(container_of(link, struct listener, link));
	}
}

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
	task_init(&proxy->resume, on_resume);
}

int proxy_listen(struct proxy *proxy, size_t listener, int fd, bool is_unix, bool hand_over)
{
	assert(loop_is_current(proxy->loop));
	return listener_open(proxy, listener, fd, is_unix, hand_over);
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
	atomic_fetch_add_explicit(&proxy->counters.n_closed, 1, memory_order_relaxed);
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

bool proxy_admit(struct proxy_shared *shared, size_t listener)
{
	if (!limit_take(&shared->listener_pairs[listener])) {
		return false;
	}
	if (limit_take(&shared->pairs)) {
		return true;
	}
	/* Who was refused this place meanwhile is told when the global limit has room again; unless
	 * that was before we gave it back. */
	(void)limit_give(&shared->listener_pairs[listener]);
	if (!limit_is_full(&shared->pairs)) {
		proxy_wake_all(shared);
	}
	return false;
}

void proxy_leave(struct proxy_shared *shared, size_t listener)
{
	bool was_full = limit_give(&shared->listener_pairs[listener]);

	was_full |= limit_give(&shared->pairs);
	if (was_full) {
		proxy_wake_all(shared);
	}
}
