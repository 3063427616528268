/* SPDX-License-Identifier: ISC */
#include "proxy/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/fds.h"
#include "log/log.h"
#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/own.h"
#include "proxy/proxy.h"
#include "proxy/session_log.h"
#include "stream/connector.h"
#include "stream/stream.h"
#include "upstream/upstream.h"

/** Until the servers of a session are tried again. */
struct session_wait {
	struct timer timer;
	struct session *session;
};

/* With its two streams (stream_private.h) all that an idle pair costs. */
static_assert(sizeof(struct session) <= 536, "an idle pair stays below 1,024 bytes");

static void session_try(struct session *session);

static struct session *session_of(struct pair *pair)
{
	return container_of(pair, struct session, pair);
}

static struct proxy *session_proxy(const struct session *session)
{
	return session->terms->proxy;
}

/** Gives up whatever goes on before the upstream is there. */
static void session_stop_trying(struct session *session)
{
	if (session->server != NULL) {
		session->connector = connector_close(session->connector);
	} else if (session->wait != NULL) {
		timer_close(&session->wait->timer);
		free(session->wait);
		session->wait = NULL;
	}
}

/* ---- the end ---- */

static void on_gone(struct task *task)
{
	struct session *session = container_of(task, struct session, gone);

	free(session->tried);
	free(session);
}

static void on_half_closed(struct pair *pair)
{
	proxy_count(&session_proxy(session_of(pair))->counters.n_half_closed, 1);
}

/** Counts the end in all that is counted. */
static void session_count_end(const struct session *session)
{
	struct proxy *proxy = session_proxy(session);
	const struct pair *pair = &session->pair;

	proxy_count(&proxy->counters.n_closed[pair->end.reason], 1);
	/* Before the place is given back: who sees that none is taken sees this time. */
	atomic_store_explicit(&proxy->counters.ended_ns, clock_ns(), memory_order_relaxed);
	if (pair->fin_ns != NS_NEVER) {
		proxy_count(&proxy->counters.n_half_closed, -1);
	}
	if (pair->end.timer != DEADLINE_NONE && proxy->late != NULL) {
		hdr_record(&proxy->late[pair->end.timer], pair->end.late_ns / NS_PER_US);
	}
}

static void on_ended(struct pair *pair)
{
	struct session *session = session_of(pair);
	struct terms *terms = session->terms;
	struct proxy *proxy = session_proxy(session);

	session_log_close(session);
	session_count_end(session);
	session_stop_trying(session);
	pair_close(pair);
	list_remove(&session->link);
	proxy_leave(proxy->shared, terms->offer->limit);
	/* Deferred, because the pair, its pumps and its streams may still be on the stack. */
	task_init(&session->gone, on_gone);
	loop_defer(proxy->loop, &session->gone);
	terms_leave(terms);
	proxy_session_ended(proxy);
}

static const struct pair_calls calls = {.half_closed = on_half_closed, .ended = on_ended};

/* ---- waiting for an upstream that is still starting ---- */

static void on_waited(struct timer *timer)
{
	struct session *session = container_of(timer, struct session_wait, timer)->session;

	session_stop_trying(session);
	session_try(session);
}

/** Waits, then tries all servers again. False when it is too late for that, or has no memory. */
static bool session_retry(struct session *session)
{
	uint64_t now_ns = clock_ns();
	uint64_t wait_ns = upstream_wait_ns(&session->terms->offer->upstream->conf,
		session->n_retries, now_ns - session->pair.accepted_ns);
	struct session_wait *wait = wait_ns == NS_NEVER ? NULL : calloc(1, sizeof(*wait));

	if (wait == NULL || timer_open(&wait->timer, session_proxy(session)->loop, on_waited) < 0) {
		free(wait);
		return false;
	}
	wait->session = session;
	timer_arm(&wait->timer, clock_after(now_ns, wait_ns));
	session->server = NULL;
	session->wait = wait;
	session->n_tried = 0;
	if (session->n_retries < UINT16_MAX) {
		session->n_retries++;
	}
	return true;
}

/* ---- connecting ---- */

static void on_attempt_failed(void *owner, const struct connector_attempt *attempt)
{
	session_log_attempt(owner, attempt);
}

/** Not to where it would come back from: each pair would make the next. */
static int on_permit(void *owner, const struct sockaddr *sa, socklen_t len)
{
	struct session *session = owner;
	struct proxy *proxy = session_proxy(session);
	const struct generation *generation = proxy->current;
	size_t listener = own_find(generation->own, &proxy->own_cache, sa, len);

	if (listener == SIZE_MAX ||
		chains_enter(&proxy->shared->chains, session->terms->offer->name,
			generation->conf->listeners[listener].name, session->pair.accepted_ns)) {
		return 0;
	}
	return -ELOOP;
}

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct session *session = owner;
	union session_peer peer = session_peer(last->sa, last->sa_len); /* the connector's */
	bool forbidden = last->forbidden;
	struct end end;

	session->connector = connector_close(session->connector);
	if (forbidden) {
		pair_refuse(&session->pair, end_by_failure(END_BY_UPSTREAM, status));
		return;
	}
	if (status == 0) {
		status = pair_join(&session->pair, stream);
		if (status == 0) {
			session->upstream = peer;
			session_log_open(session);
			return;
		}
		stream_free(stream);
	}
	session->n_tried++;
	if (!end_is_shortage(status) &&
		upstream_choose(&session->terms->offer->upstream->conf, session->n_tried) != NULL) {
		session_try(session);
		return;
	}
	/* Only the timer is ever late; the kernel's own ETIMEDOUT is a failure. */
	end = end_by_connect(status, late_ns > 0, late_ns);
	/* What weir itself is short of does not come by waiting for a server. */
	if (end.reason == END_LIMIT || !session_retry(session)) {
		pair_refuse(&session->pair, end);
	}
}

/** Connects to the next server. */
static void session_try(struct session *session)
{
	const struct terms *terms = session->terms;
	const struct conf_upstream *upstream = &terms->offer->upstream->conf;
	struct proxy *proxy = session_proxy(session);
	struct connector_opts opts = {
		.loop = proxy->loop,
		.resolver = proxy->shared->resolver,
		.timeout_ns = terms->rules.timeouts.connect_ns,
		.stream_flags = STREAM_HALF_OPEN,
		.spare_fds = &proxy->shared->spare_fds,
		.owner = session,
		.failed = on_attempt_failed,
		.done = on_connected,
		.permit = proxy->current->own == NULL ? NULL : on_permit,
	};

	session->server = upstream_choose(upstream, session->n_tried);
	opts.addr = &session->server->addr;
	opts.options = &upstream->socket;
	if (upstream->source.sa_len > 0) {
		opts.source = &upstream->source;
	}
	session->connector = connector_open(&opts);
	if (session->connector == NULL) {
		pair_refuse(&session->pair, end_by_connect(-errno, false, 0));
	}
}

/* ---- life ---- */

union session_peer session_peer(const struct sockaddr *sa, socklen_t len)
{
	union session_peer peer = {.family = sa == NULL ? AF_UNSPEC : sa->sa_family};

	if (sa != NULL && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)) {
		memcpy(&peer, sa, len < sizeof(peer) ? len : sizeof(peer));
	} else if (peer.family == AF_UNIX) {
		peer.un.uid = (uid_t)-1;
	}
	return peer;
}

union session_peer session_client(int fd, const struct sockaddr *sa, socklen_t len)
{
	union session_peer peer = session_peer(sa, len);
	struct ucred who;
	socklen_t who_len = sizeof(who);

	if (peer.family == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) == 0) {
		peer.un.pid = who.pid;
		peer.un.uid = who.uid;
	}
	return peer;
}

/** Unique in the process without being shared: the workers' numbers are interleaved. */
static uint64_t next_id(struct proxy *proxy)
{
	return proxy->n_sessions_made++ * proxy->shared->n_proxies + proxy->index + 1;
}

/** The whole life of a session that could not be made, from `err`. */
static void session_miscarry(const struct session_opts *opts, int err)
{
	struct proxy *proxy = opts->terms->proxy;
	/* Only for what the log and the counters read of it. */
	struct session session = {
		.terms = opts->terms,
		.id = next_id(proxy),
		.client = opts->peer,
		.pair = {.accepted_ns = clock_ns(),
			.joined_ns = NS_NEVER,
			.fin_ns = NS_NEVER,
			.end = end_by_failure(END_BY_CLIENT, err)},
	};

	fds_reset(opts->fd);
	proxy_count(&proxy->counters.n_accepted, 1);
	session_log_close(&session);
	session_count_end(&session);
	proxy_leave(proxy->shared, opts->terms->offer->limit);
}

/** Makes a session that is not known to anybody yet; NULL and *ret_err where it cannot be. */
static struct session *session_new(const struct session_opts *opts, int *ret_err)
{
	struct terms *terms = opts->terms;
	struct proxy *proxy = terms->proxy;
	struct session *session = calloc(1, sizeof(*session));
	struct pair_opts pair_opts = {
		.loop = proxy->loop,
		.client_fd = opts->fd,
		.client_flags = opts->client_flags,
		.high_water_mark = terms->offer->high_water_mark,
		.rules = &terms->rules,
		.drain = proxy->draining ? &proxy->drain : NULL,
		.calls = &calls,
	};
	int r = session == NULL ? -ENOMEM : pair_open(&session->pair, &pair_opts);

	if (r < 0) {
		free(session);
		*ret_err = r;
		return NULL;
	}
	session->terms = terms;
	session->client = opts->peer;
	session->id = next_id(proxy);
	return session;
}

void session_open(const struct session_opts *opts)
{
	struct proxy *proxy = opts->terms->proxy;
	struct session *session;
	int err;

	assert(loop_is_current(proxy->loop));
	session = session_new(opts, &err);
	if (session == NULL) {
		session_miscarry(opts, err);
		return;
	}
	terms_enter(opts->terms);
	list_append(&proxy->sessions, &session->link);
	proxy->n_sessions++;
	proxy_count(&proxy->counters.n_accepted, 1);
	session_try(session);
}

void session_apply_timeouts(struct session *session)
{
	assert(loop_is_current(session_proxy(session)->loop));
	/* While it waits there is no server, and no connector but a wait. */
	if (session->server != NULL && session->connector != NULL) {
		connector_set_timeout(
			session->connector, session->terms->rules.timeouts.connect_ns);
	}
	pair_wind_anew(&session->pair);
}

void session_drain(struct session *session, const struct deadline_drain *drain)
{
	assert(loop_is_current(session_proxy(session)->loop));
	pair_drain(&session->pair, drain);
}
