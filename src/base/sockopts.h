/* SPDX-License-Identifier: ISC */
/*
 * What the config may say of TCP sockets: a value, and how it is set on a socket.
 *
 * On a listening socket once: Linux hands all of it on to the sockets that are accepted. On one
 * that is to connect each time, so only what is not the kernel's default costs a system call.
 */
#ifndef WEIR_BASE_SOCKOPTS_H
#define WEIR_BASE_SOCKOPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is 0, and timeouts of NS_NEVER: left to the kernel. */
struct sockopts {
	bool nodelay;                   /**< TCP_NODELAY */
	uint32_t keepalive_count;       /**< TCP_KEEPCNT */
	uint64_t keepalive_idle_ns;     /**< TCP_KEEPIDLE, whole seconds; NS_NEVER: no keepalive */
	uint64_t keepalive_interval_ns; /**< TCP_KEEPINTVL, whole seconds */
	uint64_t user_timeout_ns;       /**< TCP_USER_TIMEOUT, whole milliseconds */
	size_t send_buffer;             /**< SO_SNDBUF, as asked for: the kernel doubles it */
	size_t receive_buffer;          /**< SO_RCVBUF, the same */
	size_t notsent_lowat;           /**< TCP_NOTSENT_LOWAT */
	uint32_t backlog;               /**< of a listening socket only, like the next one */
	uint32_t fastopen_queue;        /**< TCP_FASTOPEN, of a listening socket; 0: off */
	bool fastopen;                  /**< of one that connects: the caller's to set */
	bool mptcp;                     /**< Multipath TCP: who makes it sees to it */
	bool freebind;                  /**< IP_FREEBIND: binds an address that is not there yet */
};

enum {
	SOCKOPTS_KEEPALIVE_MAX_S = 32767, /**< MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL */
	SOCKOPTS_KEEPALIVE_MAX_N = 127,   /**< MAX_TCP_KEEPCNT */
	SOCKOPTS_N = 11,                  /**< options that are set */
};

/**
 * Sets a TCP socket, which must be fresh: what is off is not switched off. NULL: TCP_NODELAY alone.
 * SO_OOBINLINE in any case, so that urgent bytes stay in their place; Multipath TCP knows none. 0
 * or a negative errno.
 */
int sockopts_set(int fd, const struct sockopts *options);

/** socket(2) of TCP, or of Multipath TCP where the options say so and the kernel has it. The fd or
 * a negative errno. */
int sockopts_socket(int family, int flags, const struct sockopts *options);

/**
 * What a socket that somebody else made had before us, as far as it was changed: a socket unit has
 * options of its own, and they come back when the config says nothing of them any more. Zeroed: we
 * have changed nothing. One thread at a time.
 */
struct sockopts_kept {
	uint32_t changed; /**< bits of the options that are ours now */
	int before[SOCKOPTS_N];
	int buffers_locked; /**< SO_BUF_LOCK: the sizes that were set by hand */
	int backlog;        /**< of a TCP socket; 0: not changed, or not known */
};

/**
 * As sockopts_set(), on one that has had others. With `kept` what is ours and not wanted any more
 * becomes what it was, and all else is left alone. Without, the socket is our own: what is not
 * wanted is off, but for the sizes of buffers and the times and count of probes, of which the
 * kernel tells no way back.
 */
int sockopts_change(int fd, const struct sockopts *options, struct sockopts_kept *kept);

/** Puts back all that is ours, as far as the kernel lets us; `kept` may be all zero. 0 or the first
 * negative errno. */
int sockopts_restore(int fd, struct sockopts_kept *kept);

#endif
