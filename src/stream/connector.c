/* SPDX-License-Identifier: ISC */
/*
 * The happy path: on_step() asks the resolver or takes the address; attempt() makes the socket,
 * calls connect(2) and lets the stream watch it; on_step() again, deferred by the stream when
 * connect(2) has ended; done().
 *
 *	STARTING ──▶ RESOLVING ──▶ CONNECTING ──▶ OVER
 *	    └────────────────────▶ │  ▲  └── EAGAIN (UNIX) ──▶ QUEUEING ─▶ OVER
 *	                           └──┘ next address              │ ▲
 *	                                                          └─┘ timer
 *
 * What goes wrong: the lookup fails or hangs (RESOLVING), socket or connect fail at once, the event
 * brings an error, or none comes in time (CONNECTING), a UNIX server's queue stays full (QUEUEING).
 * Each is a failed attempt: failed(), then the next address, or done().
 *
 * Nothing runs from inside connector_open(): the first step is a deferred task as well. The fd is
 * watched once, by the stream which is to own it, so a connection costs one epoll_ctl(2).
 */
#include "stream/connector.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/shortage.h"
#include "base/sockopts.h"
#include "stream/loop_private.h"
#include "stream/resolver.h"
#include "stream/stream.h"
#include "stream/stream_private.h"
#include "stream/timer.h"

#define RETRY_MIN_NS ((uint64_t)NS_PER_MS)
#define RETRY_MAX_NS ((uint64_t)50 * NS_PER_MS)

enum state {
	STARTING,   /* `step` is deferred */
	RESOLVING,  /* `query` is open */
	CONNECTING, /* `stream` awaits its connect(2), then `step` is deferred */
	QUEUEING,   /* `fd` is asked again when the timer strikes */
	OVER,       /* done() was called */
};

/** What only a name needs. */
struct lookup {
	struct resolver_query query;
	struct resolver_answer answer;
};

struct connector {
	struct connector_opts opts;
	enum state state : 8;
	bool is_name; /**< has a lookup */
	int fd;       /**< QUEUEING only, else -1 */
	struct task step;
	struct timer timer;   /**< the deadline, or the next try */
	uint64_t begin_ns;    /**< of the attempt or lookup under way */
	uint64_t deadline_ns; /**< and when it times out */
	uint64_t retry_ns;    /**< the pause before the next try */
	uint64_t late_ns;     /**< of the last attempt, if it timed out */
	struct stream *stream;
	const struct sockaddr *sa; /**< what is being tried; NULL: nothing yet */
	socklen_t sa_len;
	unsigned n_tried;       /**< addresses of the name, or the one address */
	struct lookup lookup[]; /**< one of a name, none of an address */
};

/* One is made for each pair while its streams are, and then freed: glibc keeps blocks up to this
 * size for the next one, larger ones leave holes between what stays. */
enum { REUSED_BYTES = 1032 };

static_assert(sizeof(struct connector) + sizeof(struct lookup) <= REUSED_BYTES, "holes");

static struct connector_attempt last_attempt(const struct connector *connector, int status)
{
	return (struct connector_attempt){
		.sa = connector->sa,
		.sa_len = connector->sa_len,
		.status = status,
	};
}

/** Tells the owner, who may close the connector: the last thing to do. */
static void finish(struct connector *connector, int status, struct stream *stream)
{
	struct connector_attempt last = last_attempt(connector, status);

	connector->state = OVER;
	connector->deadline_ns = NS_NEVER;
	timer_arm(&connector->timer, NS_NEVER);
	connector->opts.done(connector->opts.owner, status, stream, &last, connector->late_ns);
}

static void arm_deadline(struct connector *connector)
{
	connector->late_ns = 0;
	connector->begin_ns = clock_ns();
	connector->deadline_ns = clock_after(connector->begin_ns, connector->opts.timeout_ns);
	timer_arm(&connector->timer, connector->deadline_ns);
}

/* ---- one attempt ---- */

/** Lets go of whatever the attempt holds. */
static void drop(struct connector *connector)
{
	if (connector->stream != NULL) {
		/* The server may have accepted already: a FIN would look like an empty request. */
		stream_abort(connector->stream);
	}
	connector->stream = stream_free(connector->stream);
	loop_cancel(connector->opts.loop, &connector->step);
	if (connector->fd >= 0) {
		close(connector->fd);
		connector->fd = -1;
	}
}

/** Lets the connection come from `source`; connect(2) picks the port. 0 or a negative errno. */
static int bind_source(int fd, sa_family_t family, const struct addr *source)
{
	static const int on = 1;

	if (source->sa.any.sa_family != family) {
		return -EAFNOSUPPORT; /* as an address of the other family that a name has */
	}
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
		bind(fd, &source->sa.any, source->sa_len) < 0) {
		return -errno;
	}
	return 0;
}

static bool is_unix(const struct connector *connector)
{
	return connector->sa->sa_family == AF_UNIX;
}

/** Asks a UNIX server with a full queue again after a pause, which grows. */
static void queue_up(struct connector *connector, int fd)
{
	uint64_t next_ns = clock_after(clock_ns(), connector->retry_ns);

	connector->fd = fd;
	connector->state = QUEUEING;
	connector->retry_ns *= 2;
	if (connector->retry_ns > RETRY_MAX_NS) {
		connector->retry_ns = RETRY_MAX_NS;
	}
	timer_arm(&connector->timer,
		next_ns < connector->deadline_ns ? next_ns : connector->deadline_ns);
}

/** 1: connected; 0: under way; or a negative errno. Takes the fd, in any case. */
static int connect_fd(struct connector *connector, int fd)
{
	unsigned flags = connector->opts.stream_flags | STREAM_NONBLOCKING |
			 (is_unix(connector) ? STREAM_IS_UNIX : STREAM_IS_TCP);
	int status = connect(fd, connector->sa, connector->sa_len) < 0 ? -errno : 0;

	if (status == -EAGAIN && is_unix(connector)) {
		queue_up(connector, fd);
		return 0;
	}
	if (status < 0 && status != -EINPROGRESS && status != -EINTR) {
		close(fd);
		return status;
	}
	connector->stream = stream_open(connector->opts.loop, fd, flags);
	if (connector->stream == NULL) {
		int r = -errno;

		close(fd);
		return r;
	}
	if (status == 0) {
		return 1;
	}
	connector->state = CONNECTING;
	return stream_await_connect(connector->stream, &connector->step);
}

/** As connect_fd(), from the socket on. */
static int attempt(struct connector *connector)
{
	int fd = socket(connector->sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0) {
		return -errno;
	}
	if (!is_unix(connector)) {
		r = sockopts_set(fd, connector->opts.options);
		if (r == 0 && connector->opts.source != NULL) {
			r = bind_source(fd, connector->sa->sa_family, connector->opts.source);
		}
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	connector->retry_ns = RETRY_MIN_NS;
	return connect_fd(connector, fd);
}

/* ---- one address after the other ---- */

static void set_port(struct sockaddr *sa, uint16_t port)
{
	if (sa->sa_family == AF_INET6) {
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
	} else {
		((struct sockaddr_in *)sa)->sin_port = htons(port);
	}
}

/** Sets `sa` to the next address; false if there is none. */
static bool next_address(struct connector *connector)
{
	const struct addr *addr = connector->opts.addr;
	struct resolver_answer *answer = &connector->lookup->answer;
	unsigned n = connector->n_tried++;

	if (n >= (connector->is_name ? answer->n_addresses : 1)) {
		return false;
	}
	if (connector->is_name) {
		set_port(&answer->addresses[n].sa.any, addr->port);
		connector->sa = &answer->addresses[n].sa.any;
		connector->sa_len = answer->addresses[n].len;
	} else {
		connector->sa = &addr->sa.any;
		connector->sa_len = addr->sa_len;
	}
	return true;
}

/** The attempt under way failed. */
static void fail(struct connector *connector, int status)
{
	struct connector_attempt last = last_attempt(connector, status);

	drop(connector);
	if (connector->opts.failed != NULL) {
		connector->opts.failed(connector->opts.owner, &last);
	}
}

static void succeed(struct connector *connector)
{
	struct stream *stream = connector->stream;

	connector->stream = NULL;
	finish(connector, 0, stream);
}

/** Tries addresses until one is under way, connected, or none is left; `status`: of the last. */
static void try_next(struct connector *connector, int status)
{
	/* In a shortage of our own another address would not help. */
	while (!is_shortage(status) && next_address(connector)) {
		arm_deadline(connector);
		status = attempt(connector);
		if (status == 1) {
			succeed(connector);
			return;
		}
		if (status == 0) {
			return;
		}
		fail(connector, status);
	}
	finish(connector, status, NULL);
}

static void fail_and_go_on(struct connector *connector, int status)
{
	fail(connector, status);
	try_next(connector, status);
}

/* ---- events ---- */

/**
 * Whether the kernel has connected the socket to itself, which TCP allows: then it has picked the
 * server's port as our own, so only ports from where it picks need a look.
 */
static bool is_self(const struct connector *connector)
{
	const union addr_sockaddr *target = (const union addr_sockaddr *)connector->sa;
	int fd = stream_fd(connector->stream);
	union addr_sockaddr own;
	union addr_sockaddr peer;
	socklen_t own_len = sizeof(own);
	socklen_t peer_len = sizeof(peer);

	/* The port is at the same place in both families. */
	if (ntohs(target->in.sin_port) < loop_lowest_port(connector->opts.loop) ||
		getsockname(fd, &own.any, &own_len) < 0) {
		return false;
	}
	/* That it differs is as good as certain. */
	if (own.in.sin_port != target->in.sin_port || getpeername(fd, &peer.any, &peer_len) < 0) {
		return false;
	}
	return own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

/** connect(2) has ended. */
static void on_connected(struct connector *connector)
{
	int status = stream_connect_status(connector->stream);

	if (status == 0 && !is_unix(connector) && is_self(connector)) {
		status = -ECONNREFUSED;
	}
	if (status == 0) {
		succeed(connector);
	} else {
		fail_and_go_on(connector, status);
	}
}

static void on_resolved(struct connector *connector, int status)
{
	if (status < 0) {
		fail_and_go_on(connector, status);
	} else {
		try_next(connector, 0);
	}
}

static void on_answered(struct resolver_query *query, int status)
{
	struct lookup *lookup = container_of(query, struct lookup, query);

	on_resolved(container_of(lookup, struct connector, lookup[0]), status);
}

static void resolve(struct connector *connector)
{
	int r;

	connector->state = RESOLVING;
	arm_deadline(connector);
	r = resolver_ask(connector->opts.resolver, connector->opts.loop, connector->opts.addr->host,
		&connector->lookup->query, &connector->lookup->answer, on_answered);
	if (r != 0) {
		on_resolved(connector, r < 0 ? r : 0);
	}
}

static void on_step(struct task *task)
{
	struct connector *connector = container_of(task, struct connector, step);

	if (connector->state == CONNECTING) {
		on_connected(connector);
	} else if (connector->is_name) {
		resolve(connector);
	} else {
		try_next(connector, 0);
	}
}

/** Whether connect(2) has ended although its event was not served yet, as after a long starvation.
 */
static bool has_ended(const struct connector *connector)
{
	struct pollfd poll_fd = {.events = POLLOUT};

	if (task_is_waiting(&connector->step)) {
		return true;
	}
	poll_fd.fd = stream_fd(connector->stream);
	return poll(&poll_fd, 1, 0) == 1;
}

/** Looks once more before it judges. Whether the attempt is still to be waited for. */
static bool is_under_way(struct connector *connector)
{
	int fd = connector->fd;
	int r;

	if (connector->state != QUEUEING) {
		return connector->state == CONNECTING && has_ended(connector);
	}
	connector->fd = -1;
	r = connect_fd(connector, fd);
	if (r == 1) {
		succeed(connector);
	} else if (r < 0) {
		fail_and_go_on(connector, r);
	}
	return r != 0 || clock_ns() < connector->deadline_ns;
}

static void on_timer(struct timer *timer)
{
	struct connector *connector = container_of(timer, struct connector, timer);

	if (is_under_way(connector)) {
		return;
	}
	connector->late_ns = clock_ns() - connector->deadline_ns;
	if (connector->state == RESOLVING) {
		resolver_cancel(&connector->lookup->query);
		connector->lookup->answer.n_addresses = 0; /* it may have come this very moment */
	}
	fail_and_go_on(connector, -ETIMEDOUT);
}

/* ---- life ---- */

struct connector *connector_open(const struct connector_opts *opts)
{
	size_t n_lookups = opts->addr->kind == ADDR_NAME;
	struct connector *connector =
		calloc(1, sizeof(*connector) + n_lookups * sizeof(struct lookup));
	int r;

	assert(loop_is_current(opts->loop));
	assert(opts->addr->kind != ADDR_ANY);
	assert(opts->addr->kind != ADDR_NAME || opts->resolver != NULL);
	if (connector == NULL) {
		return NULL;
	}
	connector->opts = *opts;
	connector->is_name = n_lookups > 0;
	connector->fd = -1;
	connector->deadline_ns = NS_NEVER;
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
	drop(connector);
	if (connector->state == RESOLVING) {
		resolver_cancel(&connector->lookup->query);
	}
	timer_close(&connector->timer);
	free(connector);
	return NULL;
}

void connector_set_timeout(struct connector *connector, uint64_t timeout_ns)
{
	assert(loop_is_current(connector->opts.loop));
	connector->opts.timeout_ns = timeout_ns;
	if (connector->state == STARTING || connector->state == OVER) {
		return;
	}
	connector->deadline_ns =
		clock_later(clock_after(connector->begin_ns, timeout_ns), clock_ns());
	/* While it queues, the timer may be that of the next try. */
	if (connector->state != QUEUEING || connector->deadline_ns < connector->timer.deadline_ns) {
		timer_arm(&connector->timer, connector->deadline_ns);
	}
}

uint64_t connector_deadline_ns(const struct connector *connector)
{
	return connector->deadline_ns;
}
