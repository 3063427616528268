/* SPDX-License-Identifier: ISC */
#include "proxy/end.h"

#include <assert.h>
#include <errno.h>

#include "base/shortage.h"

const char *end_by_name(enum end_by by)
{
	static const char *const names[] = {
		[END_BY_CLIENT] = "client",
		[END_BY_UPSTREAM] = "upstream",
		[END_BY_WEIR] = "weir",
	};

	return names[by];
}

const char *end_reason_name(enum end_reason reason)
{
	static const char *const names[END_REASONS] = {
		[END_EOF] = "eof",
		[END_RESET] = "reset",
		[END_LOST] = "lost",
		[END_IDLE] = "idle",
		[END_HALF_CLOSE] = "half_close",
		[END_WRITE_STALL] = "write_stall",
		[END_FIRST_BYTE] = "first_byte",
		[END_IDLE_CLIENT] = "idle_client",
		[END_IDLE_UPSTREAM] = "idle_upstream",
		[END_LIFETIME] = "lifetime",
		[END_CONNECT_TIMEOUT] = "connect_timeout",
		[END_CONNECT_FAILED] = "connect_failed",
		[END_PREFACE] = "preface",
		[END_BAD_PREFACE] = "bad_preface",
		[END_NO_SERVER] = "no_server",
		[END_QUEUE] = "queue",
		[END_QUEUE_FULL] = "queue_full",
		[END_DRAIN] = "drain",
		[END_SERVER_DOWN] = "server_down",
		[END_ACCESS] = "access",
		[END_ADMIN] = "admin",
		[END_NO_ROUTE] = "no_route",
		[END_DENIED] = "denied",
		[END_SOURCE_LIMIT] = "source_limit",
		[END_RATE] = "rate",
		[END_LIMIT] = "limit",
		[END_ERROR] = "error",
	};

	return names[reason];
}

static enum end_by by_side(enum pair_side side)
{
	return side == SIDE_CLIENT ? END_BY_CLIENT : END_BY_UPSTREAM;
}

struct end end_by_fins(enum pair_side first)
{
	return (struct end){.by = by_side(first), .reason = END_EOF, .timer = DEADLINE_NONE};
}

struct end end_by_timer(enum deadline_kind timer, uint64_t late_ns)
{
	static const enum end_reason reasons[DEADLINE_KINDS] = {
		[DEADLINE_CONNECT] = END_CONNECT_TIMEOUT,
		[DEADLINE_PREFACE] = END_PREFACE,
		[DEADLINE_QUEUE] = END_QUEUE,
		[DEADLINE_WRITE_STALL] = END_WRITE_STALL,
		[DEADLINE_HALF_CLOSE] = END_HALF_CLOSE,
		[DEADLINE_HALF_CLOSE_MAX] = END_HALF_CLOSE,
		[DEADLINE_FIRST_BYTE] = END_FIRST_BYTE,
		[DEADLINE_IDLE_CLIENT] = END_IDLE_CLIENT,
		[DEADLINE_IDLE_UPSTREAM] = END_IDLE_UPSTREAM,
		[DEADLINE_IDLE] = END_IDLE,
		[DEADLINE_LIFETIME] = END_LIFETIME,
		[DEADLINE_DRAIN] = END_DRAIN,
	};

	assert(timer < DEADLINE_KINDS);
	return (struct end){
		.by = timer == DEADLINE_CONNECT ? END_BY_UPSTREAM : END_BY_WEIR,
		.reason = reasons[timer],
		.timer = timer,
		.late_ns = late_ns,
	};
}

bool end_is_failure(enum end_reason reason)
{
	return reason == END_CONNECT_TIMEOUT || reason == END_CONNECT_FAILED ||
	       reason == END_NO_SERVER || reason == END_QUEUE || reason == END_QUEUE_FULL ||
	       reason == END_LIMIT || reason == END_ERROR;
}

bool end_is_refusal(enum end_reason reason)
{
	return reason == END_NO_ROUTE || reason == END_DENIED || reason == END_SOURCE_LIMIT ||
	       reason == END_RATE || reason == END_PREFACE || reason == END_BAD_PREFACE;
}

struct end end_by_weir(enum end_reason reason)
{
	return (struct end){.by = END_BY_WEIR, .reason = reason, .timer = DEADLINE_NONE};
}

struct end end_without_server(void)
{
	return end_by_weir(END_NO_SERVER);
}

struct end end_with_server(void)
{
	return end_by_weir(END_SERVER_DOWN);
}

struct end end_by_full_queue(void)
{
	return end_by_weir(END_QUEUE_FULL);
}

bool end_is_shortage(int err)
{
	return is_shortage(err) || err == -ENOSPC;
}

/** Whether the errno is a shortage of weir or the machine. Ports may be short too, but only towards
 * one address. */
static bool is_limit(int err)
{
	return end_is_shortage(err) || err == -EADDRNOTAVAIL;
}

/**
 * Whether the errno is one that a connected socket reports when the peer does not answer any more:
 * probes or data were not acknowledged in time, or a router or firewall has sent the reason
 * meanwhile (icmp(7)).
 */
static bool is_loss(int err)
{
	switch (-err) {
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENETRESET:
	case ENONET:
	case ECONNREFUSED: /* port unreachable */
	case ENOPROTOOPT:  /* protocol unreachable */
	case EPROTO:       /* IPv6: parameter problem */
	case EACCES:       /* IPv6: prohibited */
		return true;
	default:
		return false;
	}
}

struct end end_by_failure(enum pair_side side, int err)
{
	bool is_reset = err == -ECONNRESET || err == -EPIPE;

	if (is_reset || is_loss(err)) {
		return (struct end){.by = by_side(side),
			.reason = is_reset ? END_RESET : END_LOST,
			.err = err,
			.timer = DEADLINE_NONE};
	}
	return end_by_own_failure(err);
}

struct end end_by_own_failure(int err)
{
	return (struct end){
		.by = END_BY_WEIR,
		.reason = is_limit(err) ? END_LIMIT : END_ERROR,
		.err = err,
		.timer = DEADLINE_NONE,
	};
}

struct end end_by_connect(int err, bool timed_out, uint64_t late_ns)
{
	struct end end = {.by = END_BY_UPSTREAM,
		.reason = END_CONNECT_FAILED,
		.err = err,
		.timer = DEADLINE_NONE};

	if (timed_out) {
		end = end_by_timer(DEADLINE_CONNECT, late_ns);
		end.err = err;
	} else if (is_limit(err)) {
		end.by = END_BY_WEIR;
		end.reason = END_LIMIT;
	}
	return end;
}
