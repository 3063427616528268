/* SPDX-License-Identifier: ISC */
/*
 * Turns an address or a name into a connected stream.
 *
 *	connector_open ── name ──▶ resolver ──▶ address 1 ──▶ address 2 … ──▶ done(status, stream)
 *			└─ address ──────────────┘
 *
 * The addresses of a name are tried as in RFC 8305 (Happy Eyeballs). The families alternate. The
 * next address is tried when the last attempt has failed, or when it has lasted CONNECTOR_NEXT_NS;
 * in the second case both attempts go on in parallel, if a spare fd is available. The first attempt
 * that connects wins, and the others are reset. If the winner's family was not the one to be tried
 * first, the addresses of that family are tried first from now on, for some minutes (resolver.h).
 *
 * `timeout_ns` applies to each lookup and to each attempt separately, and also to the time that a
 * lookup waits for a thread. If this process runs out of fds or memory while no other attempt is in
 * progress, the connector fails at once, since the next address would fail for the same reason. The
 * status that done() gets is that of the attempt that failed last.
 *
 * If the accept queue of a UNIX server is full, connect(2) fails with EAGAIN, and no event tells
 * when there is room. The connector then retries after pauses of 1 to 50 ms, which grow, until the
 * timeout. If a TCP server on this machine is down, the kernel may choose the server's port as our
 * source port and connect the socket to itself; the connector treats that as a refused connection.
 * It does not check ports below net.ipv4.ip_local_port_range (read once, at the first connection).
 */
#ifndef WEIR_STREAM_CONNECTOR_H
#define WEIR_STREAM_CONNECTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

/** RFC 8305, 5: Connection Attempt Delay. */
#define CONNECTOR_NEXT_NS ((uint64_t)250 * NS_PER_MS)

struct connector;
struct loop;
struct resolver_name;
struct sockopts;
struct stream;

/** How one attempt ended, for logging. sa is NULL if it was a lookup that failed. */
struct connector_attempt {
	const struct sockaddr *sa;
	socklen_t sa_len;
	/** 0: connected; else a negative errno or UV_EAI_*. -ETIMEDOUT: the timer expired, or the
	 * kernel gave up. -ECANCELED: another address connected first. */
	int status;
	bool in_line;   /**< the lookup was still waiting for a thread when it timed out */
	bool forbidden; /**< permit() refused the address */
};

struct connector_opts {
	struct loop *loop;
	const struct addr *addr; /**< borrowed until done() or the close */
	/** The handle of addr, if that is a name. Borrowed until the close. */
	struct resolver_name *name;
	/** May be NULL. TCP connects from this address. With port 0 the kernel picks the port when
	 * it knows the destination, so that one port can be used for several destinations. Borrowed
	 * until done(). */
	const struct addr *source;
	const struct sockopts *options; /**< for TCP; borrowed until done(); NULL: defaults */
	uint64_t timeout_ns;   /**< for each attempt; NS_NEVER: only the kernel's timeout */
	unsigned stream_flags; /**< for the new stream, e.g. STREAM_HALF_OPEN: stream.h */
	/** The owner has bytes to write as soon as the stream is connected. On TCP the last ACK of
	 * the handshake is then sent together with those bytes, not in a segment of its own. With
	 * options->fastopen the bytes may go out in the SYN, and done() is called before the server
	 * has answered. */
	bool speaks_first;
	/** Counts the fds that may be used for attempts in parallel. The connector takes from it
	 * and gives back to it. NULL: no attempts in parallel. */
	atomic_int *spare_fds;
	void *owner; /**< passed to the callbacks */
	/** May be NULL. Called before each attempt. Returns 0, or a negative errno, with which the
	 * whole connector fails. Must not close the connector. */
	int (*permit)(void *owner, const struct sockaddr *sa, socklen_t sa_len);
	/** May be NULL. An attempt failed; another may follow. Must not close the connector. */
	void (*failed)(void *owner, const struct connector_attempt *attempt);
	/** Called once, unless connector_close() was called before; never from inside
	 * connector_open(). With status 0 the stream is connected and not started, the owner takes
	 * it, and the sa of `last` is the address that it is connected to. Otherwise stream is NULL
	 * and status is that of the attempt that failed last. late_ns is how late the timer was if
	 * it expired and status is -ETIMEDOUT, else 0. `last` is borrowed for the call. May close
	 * the connector. */
	void (*done)(void *owner, int status, struct stream *stream,
		const struct connector_attempt *last, uint64_t late_ns);
};

/**
 * Starts to connect, in this turn of the loop. NULL and errno on failure: ENOMEM; EINVAL: no loop,
 * no addr, an addr "*:PORT" or "systemd:NAME", no done(), or a name without a resolver handle. The
 * owner must call connector_close(), also after done().
 */
struct connector *connector_open(const struct connector_opts *opts);

/** Cancels attempts and lookups in progress and frees. NULL is fine; returns NULL. */
struct connector *connector_close(struct connector *connector);

/**
 * Changes the timeout, also of what is in progress: what has lasted longer than the new timeout
 * ends now. NULL is fine.
 */
void connector_set_timeout(struct connector *connector, uint64_t timeout_ns);

/** When the oldest attempt in progress times out. NS_NEVER if it does not, and for NULL. */
uint64_t connector_deadline_ns(const struct connector *connector);

/** Whether its lookup still waits for a thread: getaddrinfo(3) has not been called yet. */
bool connector_is_in_line(const struct connector *connector);

#endif
