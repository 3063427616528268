/* SPDX-License-Identifier: ISC */
/* One attempt to connect to one address: its socket, and how connect(2) ended. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/sockopts.h"
#include "stream/connector_private.h"
#include "stream/stream.h"
#include "stream/stream_private.h"

#define RETRY_MIN_NS ((uint64_t)NS_PER_MS)
#define RETRY_MAX_NS ((uint64_t)50 * NS_PER_MS)

/* ---- spare fds ---- */

bool attempt_take_room(struct connector *connector)
{
	atomic_int *spares = connector->opts.spare_fds;
	int n;

	if (connector->n_under_way <= connector->n_spares) {
		return true; /* the pair's own fd, or that of an ended attempt */
	}
	if (spares == NULL) {
		return false;
	}
	n = atomic_load_explicit(spares, memory_order_relaxed);
	while (n > 0) {
		if (atomic_compare_exchange_weak_explicit(
			    spares, &n, n - 1, memory_order_relaxed, memory_order_relaxed)) {
			connector->n_spares++;
			return true;
		}
	}
	return false;
}

void attempt_give_spares(struct connector *connector)
{
	unsigned n_needed = connector->n_under_way > 0 ? connector->n_under_way - 1 : 0;

	if (connector->n_spares > n_needed) {
		(void)atomic_fetch_add_explicit(connector->opts.spare_fds,
			(int)(connector->n_spares - n_needed), memory_order_relaxed);
		connector->n_spares = n_needed;
	}
}

/* ---- life ---- */

/** connect(2) has ended: defers the rest until after the polling. */
static void on_connected(struct handler *handler, const struct event *event)
{
	struct attempt *attempt = container_of(handler, struct attempt, connected);

	(void)event;
	loop_defer(attempt->connector->opts.loop, &attempt->ended);
}

struct attempt *attempt_add(struct connector *connector)
{
	struct attempt *attempt = connector->first.connector == NULL ? &connector->first
								     : calloc(1, sizeof(*attempt));

	if (attempt != NULL) {
		attempt->connector = connector;
		task_init(&attempt->ended, attempt_on_ended);
		attempt->connected.call = on_connected;
		list_append(&connector->attempts, &attempt->link);
		connector->n_under_way++;
	}
	return attempt;
}

void attempt_drop(struct attempt *attempt)
{
	struct connector *connector = attempt->connector;

	if (attempt->stream != NULL) {
		/* The server may have accepted already, and would take a FIN for an empty request.
		 */
		stream_abort(attempt->stream);
	}
	attempt->stream = stream_free(attempt->stream);
	loop_cancel(connector->opts.loop, &attempt->ended);
	list_remove(&attempt->link);
	connector->n_under_way--;
	attempt->connector = NULL;
	if (attempt != &connector->first) {
		free(attempt);
	}
}

/* ---- connect(2) ---- */

static bool has_mptcp(const struct connector *connector)
{
	return connector->opts.options != NULL && connector->opts.options->mptcp;
}

/**
 * The result of setting an option that a connect can do without: an error does not count if it only
 * means that Multipath TCP lacks the option (TCP_FASTOPEN_CONNECT before Linux 6.2,
 * IP_BIND_ADDRESS_NO_PORT before 6.8).
 */
static int if_it_is_there(const struct connector *connector, int r)
{
	return has_mptcp(connector) && (r == -EOPNOTSUPP || r == -ENOPROTOOPT) ? 0 : r;
}

/** Binds to opts.source; connect(2) picks the port. 0 or a negative errno. */
static int bind_source(const struct connector *connector, int fd, sa_family_t family)
{
	static const int on = 1;

	const struct addr *source = connector->opts.source;
	union addr_sockaddr sa;
	int r;

	if (source->sa.any.sa_family != family) {
		return -EAFNOSUPPORT; /* so that the next address of the name is tried */
	}
	r = addr_now(source, &sa);
	if (r == 0 && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0) {
		r = if_it_is_there(connector, -errno);
	}
	if (r == 0 && bind(fd, &sa.any, source->sa_len) < 0) {
		r = -errno;
	}
	return r;
}

/**
 * Delays the ACK of the server's SYN for a moment, so that the first bytes carry it. 0 or a
 * negative errno.
 */
static int hold_ack(int fd)
{
	static const int off = 0;

	return setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)) < 0 ? -errno : 0;
}

/**
 * Uses TCP Fast Open: if the server has given us a cookie, connect(2) returns at once, and the SYN
 * is sent with the first bytes. 0 or a negative errno.
 */
static int wait_for_data(int fd)
{
	static const int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) < 0 ? -errno : 0;
}

static bool is_unix(const struct attempt *attempt)
{
	return attempt->sa->sa_family == AF_UNIX;
}

/** Retries a UNIX server with a full queue after a pause, which grows. */
static void queue_up(struct connector *connector, int fd)
{
	connector->fd = fd;
	connector->state = QUEUEING;
	connector->next_ns = clock_after(clock_ns(), connector->retry_ns);
	connector->retry_ns *= 2;
	if (connector->retry_ns > RETRY_MAX_NS) {
		connector->retry_ns = RETRY_MAX_NS;
	}
}

/**
 * Calls connect(2). 1: connected; 0: in progress; or a negative errno. Takes the fd in any case.
 */
static int connect_fd(struct attempt *attempt, int fd)
{
	struct connector *connector = attempt->connector;
	unsigned flags = connector->opts.stream_flags | STREAM_NONBLOCKING |
			 (is_unix(attempt)              ? STREAM_IS_UNIX
				 : has_mptcp(connector) ? STREAM_IS_TCP | STREAM_IS_MPTCP
							: STREAM_IS_TCP);
	int status = connect(fd, attempt->sa, attempt->sa_len) < 0 ? -errno : 0;

	if (status == -EAGAIN && is_unix(attempt)) {
		queue_up(connector, fd);
		return 0;
	}
	if (status < 0 && status != -EINPROGRESS && status != -EINTR) {
		close(fd);
		return status;
	}
	attempt->stream = stream_open(connector->opts.loop, fd, flags);
	if (attempt->stream == NULL) {
		int r = -errno;

		close(fd);
		return r;
	}
	if (status == 0) {
		attempt->stream->early = !is_unix(attempt);
		return 1;
	}
	connector->state = CONNECTING;
	return stream_await_connect(attempt->stream, &attempt->connected);
}

int attempt_begin(struct attempt *attempt)
{
	const struct connector_opts *opts = &attempt->connector->opts;
	int fd;
	int r = 0;

	if (opts->permit != NULL) {
		r = opts->permit(opts->owner, attempt->sa, attempt->sa_len);
		if (r < 0) {
			attempt->connector->forbidden = true;
			return r;
		}
	}
	fd = sockopts_socket(attempt->sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		is_unix(attempt) ? NULL : opts->options);
	if (fd < 0) {
		return fd;
	}
	if (!is_unix(attempt)) {
		r = sockopts_set(fd, opts->options);
		if (r == 0 && opts->speaks_first && opts->options != NULL &&
			opts->options->fastopen) {
			r = if_it_is_there(attempt->connector, wait_for_data(fd));
		}
		if (r == 0 && opts->source != NULL) {
			r = bind_source(attempt->connector, fd, attempt->sa->sa_family);
		}
		if (r == 0 && opts->speaks_first && !has_mptcp(attempt->connector)) {
			r = hold_ack(fd);
		}
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	attempt->connector->retry_ns = RETRY_MIN_NS;
	return connect_fd(attempt, fd);
}

int attempt_repeat(struct attempt *attempt)
{
	int fd = attempt->connector->fd;

	attempt->connector->fd = -1;
	return connect_fd(attempt, fd);
}

/* ---- how it ended ---- */

bool attempt_has_ended(const struct attempt *attempt)
{
	struct pollfd poll_fd = {.events = POLLOUT};

	if (task_is_waiting(&attempt->ended)) {
		return true;
	}
	poll_fd.fd = stream_fd(attempt->stream);
	return poll(&poll_fd, 1, 0) == 1;
}

static uint64_t lowest;

static void read_lowest_port(void)
{
	/* If the file is hidden, it stays 0. */
	(void)proc_read_numbers("/proc/sys/net/ipv4/ip_local_port_range", &lowest, 1);
}

/** The lowest port that the kernel picks for connect(2), as far as is known; 0: any. */
static uint64_t lowest_port(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, read_lowest_port);
	return lowest;
}

/**
 * Whether the kernel has connected the socket to itself, which TCP allows. It has then picked the
 * server's port as our source port, so only ports in the range from which it picks must be checked.
 */
static bool is_self(const struct attempt *attempt)
{
	const union addr_sockaddr *target = (const union addr_sockaddr *)attempt->sa;
	int fd = stream_fd(attempt->stream);
	union addr_sockaddr own;
	union addr_sockaddr peer;
	socklen_t own_len = sizeof(own);
	socklen_t peer_len = sizeof(peer);

	/* The port is at the same place in both families. */
	if (ntohs(target->in.sin_port) < lowest_port() || getsockname(fd, &own.any, &own_len) < 0) {
		return false;
	}
	/* If the ports differ, it is certainly another socket. */
	if (own.in.sin_port != target->in.sin_port || getpeername(fd, &peer.any, &peer_len) < 0) {
		return false;
	}
	return own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

int attempt_status(const struct attempt *attempt)
{
	int status = stream_connect_status(attempt->stream);

	return status == 0 && !is_unix(attempt) && is_self(attempt) ? -ECONNREFUSED : status;
}
