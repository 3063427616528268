/* SPDX-License-Identifier: ISC */
/*
 * From an address or a name to a connected stream.
 *
 *	connector_open ── name ──▶ resolver ──▶ address 1 ──▶ address 2 … ──▶ done(status, stream)
 *			└─ address ──────────────┘
 *
 * The addresses of a name are tried as RFC 8305 (Happy Eyeballs) says: the families alternate, the
 * next when the last attempt has failed, or has gone on for CONNECTOR_NEXT_NS: then both go on, if
 * a spare fd can be had. The first to connect wins, the others are reset; the family that won is
 * tried first for some minutes (resolver.h).
 *
 * Each lookup and each attempt has `timeout_ns` of its own; so has the wait of a lookup in
 * line. A shortage of our own (fds, memory) ends it at once: the next address would fare no better.
 * The status that done() gets is that of the attempt that failed last.
 *
 * A UNIX server whose queue is full says EAGAIN and nothing tells when it has room: it is asked
 * again after 1 – 50 ms, growing, until the timeout. A TCP connection to itself, which the kernel
 * makes when a dead server's port is taken as our own, counts as refused; ports below
 * net.ipv4.ip_local_port_range, as it was at the first connection, are not looked at.
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

/** How one attempt ended, for who wants to log it; sa is NULL for a lookup that failed. */
struct connector_attempt {
	const struct sockaddr *sa;
	socklen_t sa_len;
	int status; /**< negative errno, UV_EAI_*, -ETIMEDOUT when the timer struck, -ECANCELED when
			 another address was faster */
	bool in_line;   /**< a lookup that still stood in line when its time was over */
	bool forbidden; /**< by permit() */
};

struct connector_opts {
	struct loop *loop;
	const struct addr *addr;    /**< must stay until done() or the close */
	struct resolver_name *name; /**< of addr, if that is a name; until the close */
	/** May be NULL. TCP connects from this address; with port 0 the kernel picks one when it
	 * knows the other end, so that a port serves every target once. Must stay until done(). */
	const struct addr *source;
	const struct sockopts *options; /**< of TCP; must stay until done(); NULL: as usual */
	uint64_t timeout_ns;            /**< for each attempt; NS_NEVER: the kernel's */
	unsigned stream_flags;          /**< of the new stream, e.g. STREAM_HALF_OPEN: stream.h */
	/** The owner has bytes to write as soon as it is connected: on TCP their segment tells the
	 * server that it is, and none goes out for that alone. With options->fastopen they may go
	 * out in the SYN, and done() comes before the server has answered. */
	bool speaks_first;
	/** Fds for a second attempt and further ones: taken and given back here. NULL: none. */
	atomic_int *spare_fds;
	void *owner; /**< handed to the callbacks */
	/** May be NULL. Before each attempt: 0, or a negative errno that ends it all. Must not
	 * close the connector. */
	int (*permit)(void *owner, const struct sockaddr *sa, socklen_t sa_len);
	/** May be NULL. An attempt failed; the next may follow. Must not close the connector. */
	void (*failed)(void *owner, const struct connector_attempt *attempt);
	/**
	 * Once, unless connector_close()d before; never from inside connector_open(). status 0: the
	 * stream is connected, not started, and the owner's. `last` is borrowed: its sa is where it
	 * is connected to. Otherwise stream is NULL and status is that of the last attempt; late_ns
	 * is how late the timer was when that is -ETIMEDOUT and the timer struck, else 0. May close
	 * the connector.
	 */
	void (*done)(void *owner, int status, struct stream *stream,
		const struct connector_attempt *last, uint64_t late_ns);
};

/**
 * Starts, in this turn of the loop; NULL and errno: ENOMEM, or EINVAL (no loop, no addr or one of
 * no single host, no done(), or a name without a resolver). The owner must connector_close() it,
 * also after done().
 */
struct connector *connector_open(const struct connector_opts *opts);

/** Gives up what is under way and frees. NULL is fine; returns NULL. */
struct connector *connector_close(struct connector *connector);

/** Another timeout, for what is under way too; what has lasted longer ends now. NULL is fine. */
void connector_set_timeout(struct connector *connector, uint64_t timeout_ns);

/** When the oldest attempt under way times out; NS_NEVER if it does not, and for NULL. */
uint64_t connector_deadline_ns(const struct connector *connector);

/** Whether its lookup still stands in line: nobody has asked for the name yet. */
bool connector_is_in_line(const struct connector *connector);

#endif
