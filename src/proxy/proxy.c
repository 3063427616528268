/* SPDX-License-Identifier: ISC */
#include "proxy/proxy.h"

#include <assert.h>

#include "proxy/bound_socket.h"
#include "proxy/generation.h"
#include "proxy/listener.h"
#include "proxy/offer.h"
#include "proxy/places.h"
#include "proxy/session.h"

/* ---- life ---- */

static void on_change(struct task *task);

static const struct part_calls calls;

void proxy_init(struct proxy *proxy, struct loop *loop, struct proxy_shared *shared, size_t index)
{
	*proxy = (struct proxy){.ending = false};
	part_init(&proxy->part, loop, shared, index, &calls);
	proxy->part.current = generation_ref(shared->generation);
	list_init(&proxy->listeners);
	list_init(&proxy->kept);
	list_init(&proxy->changing);
	task_init(&proxy->change, on_change);
}

/** The terms of a listener, by its index in the conf. */
static struct terms *proxy_terms(
	const struct proxy *proxy, const struct generation *generation, size_t listener)
{
	return &generation->offers[listener]->terms[proxy->part.index];
}

/** The list of a listener that is not changing. */
static struct list *proxy_list(struct proxy *proxy, const struct listener *listener)
{
	return listener->socket->kept != NULL ? &proxy->kept : &proxy->listeners;
}

static bool lets_in(const struct proxy *proxy, const struct listener *listener)
{
	return proxy->shut == PROXY_OPEN ||
	       (proxy->shut == PROXY_SHUT_OWN && listener->socket->kept != NULL);
}

int proxy_listen(struct proxy *proxy, struct generation *generation, struct bound_socket *socket)
{
	struct listener *listener;
	int r;

	assert(loop_is_current(proxy->part.loop));
	r = listener_open(proxy_terms(proxy, generation, socket->next), socket, &listener);
	if (r < 0) {
		return r;
	}
	if (lets_in(proxy, listener)) {
		list_append(proxy_list(proxy, listener), &listener->link);
	} else { /* the proxy was shut meanwhile */
		list_append(&proxy->changing, &listener->link);
		loop_next(proxy->part.loop, &proxy->change);
	}
	return 0;
}

/* ---- changes of many listeners and sessions, in slices ---- */

enum {
	LISTENERS_A_TURN = 8, /* each needs some system calls: about 10 us, rarely 100 */
	TERMS_A_TURN = 512,
	SESSIONS_A_TURN = 512,
	ENDS_A_TURN = 8, /* each needs about 40 us, with its closes and its log line */
};

/** Does what the current state of the proxy requires of a listener, however often that has
 * changed. */
static void change_listener(struct proxy *proxy, struct listener *listener)
{
	if (!lets_in(proxy, listener) || listener->socket->listener == LISTENER_NONE) {
		listener_drain(listener);
	} else {
		listener_switch(listener,
			proxy_terms(proxy, proxy->part.current, listener->socket->listener));
	}
}

/** Switches, drains or closes the listeners of `changing`, a few a turn, but closes only one: the
 * kernel usually needs 50 us for a listening socket, but sometimes a millisecond. False: some are
 * left. */
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
		list_append(proxy_list(proxy, listener), link);
		change_listener(proxy, listener);
	}
	return true;
}

/** The next terms in use. Terms that are being looked at get a user meanwhile, so that they are not
 * freed. */
static struct terms *next_terms(struct proxy *proxy, struct terms *terms)
{
	struct list *link = terms == NULL ? proxy->part.terms.next : terms->link.next;
	struct terms *next =
		link == &proxy->part.terms ? NULL : container_of(link, struct terms, link);

	if (next != NULL) {
		terms_enter(next);
	}
	if (terms != NULL) {
		terms_leave(terms);
	}
	return next;
}

/** Applies what a reload changes for older pairs too, if the name of their listener still
 * exists. */
static void apply(const struct proxy *proxy, struct terms *terms)
{
	const struct generation *generation = proxy->part.current;
	size_t index = generation_find(generation, terms->offer->name);
	unsigned what = generation->conf->apply;

	if (index == SIZE_MAX || generation->offers[index] == terms->offer) {
		return;
	}
	if ((what & CONF_APPLY_TIMEOUTS) != 0) {
		terms->rules.timeouts = generation->conf->listeners[index].timeouts;
		terms->rules.since_ns = proxy->applying_ns;
	}
	if ((what & CONF_APPLY_ACCESS) != 0) {
		access_set(&terms->access, &generation->offers[index]->access);
	}
}

/**
 * Updates all terms of the previous generation, because connections that were accepted with them
 * may still be handed over. Also updates the terms of older generations that are in use. False:
 * some are left.
 */
static bool change_terms(struct proxy *proxy)
{
	unsigned n = 0;

	for (; proxy->before != NULL && proxy->n_applied < proxy->before->conf->n_listeners; n++) {
		if (n == TERMS_A_TURN) {
			return false;
		}
		apply(proxy, proxy_terms(proxy, proxy->before, proxy->n_applied++));
	}
	for (; proxy->applying != NULL; n++) {
		if (n == TERMS_A_TURN) {
			return false;
		}
		apply(proxy, proxy->applying);
		proxy->applying = next_terms(proxy, proxy->applying);
	}
	return true;
}

static bool change_sessions(struct proxy *proxy)
{
	size_t n_sessions = proxy->part.n_sessions;

	for (unsigned n = 0; proxy->sessions_changing.next != NULL; n++) {
		struct list *link;
		struct session *session;

		if (n == SESSIONS_A_TURN || proxy->part.n_sessions + ENDS_A_TURN <= n_sessions) {
			return false;
		}
		link = part_walk_next(&proxy->part, &proxy->sessions_changing);
		if (link == NULL) {
			part_walk_end(&proxy->sessions_changing);
			return true;
		}
		session = container_of(link, struct session, link);
		session_drain(session, part_drain(&proxy->part));
		session_apply_timeouts(session);
		if (session_look_at_access(session)) {
			session_look_at_server(session); /* last, because the session may end */
		}
	}
	return true;
}

static void check_quiet(struct proxy *proxy)
{
	if (proxy->shut == PROXY_SHUT_ALL && proxy->part.n_sessions == 0 &&
		list_empty(&proxy->listeners) && list_empty(&proxy->kept) &&
		list_empty(&proxy->changing) && proxy->quiet != NULL) {
		proxy->quiet(proxy->owner);
	}
}

/** Runs one slice of the changes; after the last one the changes are complete. */
static void proxy_change(struct proxy *proxy)
{
	if (!change_listeners(proxy) || !change_terms(proxy) || !change_sessions(proxy)) {
		loop_next(proxy->part.loop, &proxy->change);
		return;
	}
	if (proxy->before != NULL) {
		waiting_look(proxy->part.waiting); /* some waiters have another limit now */
		proxy->before = generation_unref(proxy->before);
		if (proxy->switched != NULL) {
			proxy->switched(proxy->owner);
		}
	}
	check_quiet(proxy);
}

static void on_change(struct task *task)
{
	proxy_change(container_of(task, struct proxy, change));
}

void proxy_switch(struct proxy *proxy, struct generation *generation)
{
	assert(loop_is_current(proxy->part.loop) && proxy->before == NULL);
	proxy->before = proxy->part.current;
	proxy->part.current = generation_ref(generation);
	list_move_all(&proxy->changing, &proxy->listeners);
	list_move_all(&proxy->changing, &proxy->kept);
	proxy->n_applied = proxy->before->conf->n_listeners;
	if (generation->conf->apply != 0) {
		proxy->applying_ns = clock_ns();
		proxy->n_applied = 0;
		proxy->applying = next_terms(proxy, NULL);
		part_walk_begin(&proxy->part, &proxy->sessions_changing);
	}
	proxy_change(proxy);
}

void proxy_shut(struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop));
	proxy->shut = PROXY_SHUT_ALL;
	list_move_all(&proxy->changing, &proxy->listeners);
	list_move_all(&proxy->changing, &proxy->kept);
	proxy_change(proxy);
}

/** Does not look at the listeners that stay, because a reload may be changing
 * bound_socket::listener of their sockets. */
void proxy_shut_own(struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop));
	if (proxy->shut == PROXY_OPEN) {
		proxy->shut = PROXY_SHUT_OWN;
	}
	list_move_all(&proxy->changing, &proxy->listeners);
	proxy_change(proxy);
}

bool proxy_is_changing(const struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop));
	return !list_empty(&proxy->changing);
}

void proxy_drain(struct proxy *proxy, const struct deadline_drain *drain)
{
	assert(loop_is_current(proxy->part.loop));
	proxy->part.draining = true;
	proxy->part.drain = *drain;
	part_walk_begin(&proxy->part, &proxy->sessions_changing);
	proxy_change(proxy);
}

void proxy_end(struct proxy *proxy, uint64_t now_ns)
{
	struct deadline_drain drain = {
		.start_ns = now_ns, .idle_first_ns = NS_NEVER, .end_ns = now_ns};

	proxy->ending = true;
	proxy_shut(proxy);
	proxy_drain(proxy, &drain);
}

void proxy_end_pairs(struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop));
	part_walk_begin(&proxy->part, &proxy->sessions_changing);
	proxy_change(proxy);
}

void proxy_reopen(struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop) && !proxy->ending);
	proxy->shut = PROXY_OPEN;
	if (proxy->part.draining) {
		proxy->part.draining = false;
		/* For the sessions that the walk meets in a later turn. */
		proxy->part.drain = (struct deadline_drain){
			.start_ns = NS_NEVER, .idle_first_ns = NS_NEVER, .end_ns = NS_NEVER};
		part_walk_begin(&proxy->part, &proxy->sessions_changing);
		proxy_change(proxy);
	}
}

void proxy_fini(struct proxy *proxy)
{
	assert(loop_is_current(proxy->part.loop) && proxy->part.n_sessions == 0);
	list_move_all(&proxy->listeners, &proxy->changing);
	list_move_all(&proxy->listeners, &proxy->kept);
	list_for_each (link, &proxy->listeners) {
		listener_close(container_of(link, struct listener, link));
	}
	while (proxy->applying != NULL) {
		proxy->applying = next_terms(proxy, proxy->applying);
	}
	proxy->before = generation_unref(proxy->before);
	proxy->part.current = generation_unref(proxy->part.current);
	loop_cancel(proxy->part.loop, &proxy->change);
	part_walk_end(&proxy->sessions_changing);
	part_fini(&proxy->part);
}

/* ---- callbacks of its part ---- */

static struct proxy *proxy_of(struct part *part)
{
	return container_of(part, struct proxy, part);
}

static void on_session_ended(struct part *part)
{
	check_quiet(proxy_of(part));
}

/** Closes the listener soon, as one of many. */
static void on_drained(struct part *part, struct listener *listener)
{
	struct proxy *proxy = proxy_of(part);

	list_remove(&listener->link);
	list_append(&proxy->changing, &listener->link);
	loop_next(part->loop, &proxy->change);
}

static void on_refuses(struct part *part)
{
	struct proxy *proxy = proxy_of(part);

	if (proxy->refuses != NULL) {
		proxy->refuses(proxy->owner);
	}
}

static const struct part_calls calls = {
	.session_ended = on_session_ended,
	.drained = on_drained,
	.refuses = on_refuses,
};
