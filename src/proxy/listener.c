/* SPDX-License-Identifier: ISC */
#include "proxy/listener.h"

#include <errno.h>
#include <stdlib.h>

#include "log/failure.h"
#include "log/log.h"
#include "proxy/accept_rate.h"
#include "proxy/admit.h"
#include "proxy/bound_socket.h"
#include "proxy/offer.h"
#include "proxy/part.h"
#include "proxy/session.h"
#include "proxy/shared.h"
#include "stream/acceptor.h"
#include "stream/stream.h"

/** A connection on its way to another worker. */
struct delivery {
	struct task task;
	struct session_opts opts; /**< holds a reference to the offer of its terms */
};

/** Whether the peer must begin with a PROXY header. Then its session decides whether the client is
 * admitted. */
static bool is_announced(const struct session_opts *opts)
{
	return peer_list_has(opts->terms->offer->accept_proxy, &opts->peer);
}

static void on_delivery(struct task *task)
{
	struct delivery *delivery = container_of(task, struct delivery, task);
	struct session_opts opts = delivery->opts;
	struct offer *offer = opts.terms->offer;

	free(delivery);
	if (is_announced(&opts) || access_admits(&opts.terms->access, &opts.peer)) {
		session_open(&opts);
	} else {
		/* A reload has changed the lists meanwhile. */
		session_reject(&opts, end_by_weir(END_DENIED));
	}
	offer_unref(offer);
}

/** Hands a connection to the next worker. False: it is for this one, or there is no memory. */
static bool listener_deliver(struct listener *listener, const struct session_opts *opts)
{
	struct proxy_shared *shared = listener->part->shared;
	struct part *to = shared->parts[listener->next];
	struct delivery *delivery;

	listener->next = (listener->next + 1) % shared->n_workers;
	delivery = to == listener->part ? NULL : malloc(sizeof(*delivery));
	if (delivery == NULL) {
		return false;
	}
	task_init(&delivery->task, on_delivery);
	delivery->opts = *opts;
	delivery->opts.terms = &offer_ref(opts->terms->offer)->terms[to->index];
	loop_post(to->loop, &delivery->task);
	return true;
}

/* ---- the acceptor ---- */

/** Logs that the limit is full, rarely, however many listeners and workers meet it. */
static void listener_tell_limit(const struct listener *listener, struct limit *full)
{
	bool is_own = full == listener->waiter.own;
	struct log_line line;

	if (limit_is_closed(full) || !tell_rarely(&full->told_ns, clock_ns()) ||
		!log_begin(&line, LOG_LEVEL_WARN, "limit_reached")) {
		return;
	}
	if (is_own) {
		log_str(&line, "listener", listener->terms->offer->name);
	}
	log_u64(&line, "max_pairs", limit_max(full));
	log_str(&line, "remedy",
		is_own ? "clients wait in the kernel's queue: raise max_pairs of the listener"
		       : "clients wait in the kernel's queue: raise max_pairs at the top level");
	log_end(&line);
}

/* ---- its rate ---- */

static void listener_tell_rate(const struct listener *listener)
{
	const struct offer *offer = listener->terms->offer;
	struct log_line line;

	if (tell_rarely(&limits_accept_rate(offer->limit)->told_ns, clock_ns()) &&
		log_begin(&line, LOG_LEVEL_WARN, "rate_reached")) {
		log_str(&line, "listener", offer->name);
		log_u64(&line, "accept", offer->accepts_a_second);
		log_str(&line, "remedy",
			"clients wait in the kernel's queue: raise rate.accept of the listener");
		log_end(&line);
	}
}

/** Whether it has a token that may be used now, or needs none. If not, it waits for one. */
static bool listener_take_token(struct listener *listener)
{
	const struct offer *offer = listener->terms->offer;
	uint64_t now_ns;

	if (offer->accepts_a_second == 0 || listener->drains) {
		return true;
	}
	now_ns = clock_ns();
	if (listener->token_ns == 0) {
		listener->token_ns = accept_rate_take(
			limits_accept_rate(offer->limit), offer->accepts_a_second, now_ns);
	}
	if (listener->token_ns <= now_ns) {
		return true;
	}
	timer_arm(&listener->token, listener->token_ns);
	listener_tell_rate(listener);
	return false;
}

/** Gives a token back that was not used. */
static void listener_give_token_back(struct listener *listener)
{
	const struct offer *offer = listener->terms->offer;

	if (listener->token_ns != 0) {
		listener->token_ns = 0;
		timer_arm(&listener->token, NS_NEVER);
		accept_rate_give(limits_accept_rate(offer->limit), offer->accepts_a_second);
	}
}

/** Ends the wait for a token, because the listener may need none now, or get one sooner. */
static void listener_forget_token(struct listener *listener)
{
	if (listener->token_ns != 0) {
		listener_give_token_back(listener);
		acceptor_resume(listener->acceptor);
	}
}

static void on_token(struct timer *timer)
{
	acceptor_resume(container_of(timer, struct listener, token)->acceptor);
}

/* ---- admitting clients ---- */

static bool on_admit(void *owner)
{
	struct listener *listener = owner;
	struct limit *full;

	if (!listener_take_token(listener)) {
		return false;
	}
	full = places_admit(&listener->part->shared->places, listener->waiter.own);
	if (full == NULL) {
		return true;
	}
	listener_give_token_back(listener);
	waiting_add(listener->part->waiting, &listener->waiter);
	listener_tell_limit(listener, full);
	return false;
}

static void on_resume(struct waiter *waiter)
{
	acceptor_resume(container_of(waiter, struct listener, waiter)->acceptor);
}

static void on_refused(void *owner)
{
	struct listener *listener = owner;

	places_leave(&listener->part->shared->places, listener->waiter.own);
	listener_give_token_back(listener);
}

static unsigned client_flags(const struct bound_socket *socket)
{
	if (socket->is_unix) {
		return STREAM_IS_UNIX;
	}
	return socket->mptcp ? STREAM_IS_TCP | STREAM_IS_MPTCP : STREAM_IS_TCP;
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct listener *listener = owner;
	struct session_opts opts = {
		.fd = fd,
		.terms = listener->terms,
		.client_flags = client_flags(listener->socket),
		.peer = session_client(fd, &peer->any, peer_len),
	};
	struct end end;

	listener->token_ns = 0; /* the token is used */
	if (!is_announced(&opts) && !admit_client(opts.terms, &opts.peer, &opts.source, &end)) {
		session_reject(&opts, end);
	} else if (!bound_is_for_all(listener->socket) || !listener_deliver(listener, &opts)) {
		session_open(&opts);
	}
}

static void on_resting(void *owner, int err)
{
	struct listener *listener = owner;
	struct log_line line;

	counter_add(&listener->part->counters.n_rests, 1);
	if (tell_rarely(&listener->part->shared->resting_told_ns, clock_ns()) &&
		log_begin(&line, LOG_LEVEL_WARN, "accept_resting")) {
		log_str(&line, "listener", listener->terms->offer->name);
		log_errno(&line, err);
		log_str(&line, "remedy", "raise LimitNOFILE=, or lower max_pairs");
		log_end(&line);
	}
}

static void on_drained(void *owner)
{
	struct listener *listener = owner;

	listener->drained = true;
	waiter_remove(&listener->waiter);
	listener->part->calls->drained(listener->part, listener);
}

/* ---- life ---- */

int listener_open(struct terms *terms, struct bound_socket *socket, struct listener **ret_listener)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int r;
	struct acceptor_opts opts = {
		.loop = terms->part->loop,
		.fd = socket->listen.fd,
		.is_unix = socket->is_unix,
		.is_shared = socket->kept != NULL,
		.options = &terms->offer->socket,
		.kept = socket->kept,
		.owner = listener,
		.admit = on_admit,
		.refused = on_refused,
		.accepted = on_accepted,
		.resting = on_resting,
		.drained = on_drained,
	};

	if (listener == NULL) {
		return -ENOMEM;
	}
	list_init(&listener->link);
	waiter_init(&listener->waiter, terms->offer->limit, on_resume);
	r = timer_open(&listener->token, opts.loop, on_token);
	if (r < 0) {
		free(listener);
		return r;
	}
	listener->part = terms->part;
	listener->terms = terms;
	listener->socket = socket;
	listener->acceptor = acceptor_open(&opts);
	if (listener->acceptor == NULL) {
		r = -errno;
		timer_close(&listener->token);
		free(listener);
		return r;
	}
	socket->listen.fd = -1;
	atomic_store(&socket->state, BOUND_ACCEPTED);
	terms_enter(terms);
	*ret_listener = listener;
	return 0;
}

/** Sets the socket options of its terms. */
static void listener_set_options(struct listener *listener)
{
	int r = acceptor_set_options(listener->acceptor, &listener->terms->offer->socket);
	struct log_line line;

	if (r < 0 && log_begin(&line, LOG_LEVEL_WARN, "socket_options_failed")) {
		log_str(&line, "listener", listener->terms->offer->name);
		log_errno(&line, r);
		log_str(&line, "remedy", failure_remedy(r));
		log_end(&line);
	}
}

void listener_switch(struct listener *listener, struct terms *terms)
{
	struct terms *before = listener->terms;

	listener_forget_token(listener);
	terms_enter(terms);
	listener->terms = terms;
	listener->waiter.own = terms->offer->limit;
	listener_set_options(listener);
	terms_leave(before);
}

void listener_drain(struct listener *listener)
{
	struct bound_socket *socket = listener->socket;

	listener->drains = true;
	listener_forget_token(listener);
	if (!acceptor_drain(listener->acceptor) || atomic_load(&socket->state) == BOUND_DRAINING) {
		return;
	}
	atomic_store(&socket->state, BOUND_DRAINING);
	if (socket->is_unix) {
		listener->part->calls->refuses(listener->part);
	}
}

void listener_close(struct listener *listener)
{
	listener->acceptor = acceptor_close(listener->acceptor);
	list_remove(&listener->link);
	waiter_remove(&listener->waiter);
	listener_give_token_back(listener);
	timer_close(&listener->token);
	terms_leave(listener->terms);
	atomic_store(&listener->socket->state, BOUND_CLOSED);
	free(listener);
}
