/* SPDX-License-Identifier: ISC */
/*
 * The TCP socket options that the config can set: their values, and how they are set on a socket.
 *
 * On a listening socket they are set once, since Linux passes them all on to accepted sockets. On a
 * connecting socket they are set each time, so only options that differ from the kernel's default
 * cost a system call.
 */
#ifndef WEIR_BASE_SOCKOPTS_H
#define WEIR_BASE_SOCKOPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * An option that is 0, or a timeout that is NS_NEVER, is left to the kernel, except
 * keepalive_interval_ns: it must be set if keepalive_idle_ns is.
 */
struct sockopts {
	bool nodelay;                   /**< TCP_NODELAY */
	uint32_t keepalive_count;       /**< TCP_KEEPCNT */
	uint64_t keepalive_idle_ns;     /**< TCP_KEEPIDLE, whole seconds; NS_NEVER: no keepalive */
	uint64_t keepalive_interval_ns; /**< TCP_KEEPINTVL, whole seconds */
	uint64_t user_timeout_ns;       /**< TCP_USER_TIMEOUT, whole milliseconds */
	size_t send_buffer;             /**< SO_SNDBUF, the requested size: the kernel doubles it */
	size_t receive_buffer;          /**< SO_RCVBUF, likewise */
	size_t notsent_lowat;           /**< TCP_NOTSENT_LOWAT */
	uint32_t backlog;               /**< only for a listening socket */
	uint32_t fastopen_queue;        /**< TCP_FASTOPEN, only for a listening socket; 0: off */
	/** Only for a connecting socket. The code that connects sets it, not this module. */
	bool fastopen;
	bool mptcp;    /**< Multipath TCP; takes effect when the socket is made */
	bool freebind; /**< IP_FREEBIND: allows binding to an address that does not exist yet */
};

enum {
	SOCKOPTS_KEEPALIVE_MAX_S = 32767, /**< MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL */
	SOCKOPTS_KEEPALIVE_MAX_N = 127,   /**< MAX_TCP_KEEPCNT */
	SOCKOPTS_N = 11,                  /**< how many options this module sets */
};

/**
 * Sets the options on a new TCP socket: options that are off are not touched. NULL: only
 * TCP_NODELAY. Always sets SO_OOBINLINE, so that urgent bytes stay in their place in the stream,
 * except on Multipath TCP, which has no such option. 0 or a negative errno.
 */
int sockopts_set(int fd, const struct sockopts *options);

/**
 * socket(2) for TCP, or for Multipath TCP if the options ask for it and the kernel has it. `flags`
 * is the second argument of socket(2): SOCK_STREAM, perhaps with SOCK_CLOEXEC and SOCK_NONBLOCK.
 * Returns the fd or a negative errno.
 */
int sockopts_socket(int family, int flags, const struct sockopts *options);

/**
 * The original values of the options that we changed on a socket that another process made. A
 * systemd socket unit may set options of its own, which must come back when the config stops
 * setting them. Zeroed: nothing was changed. One thread at a time.
 */
struct sockopts_kept {
	uint32_t changed; /**< a bit for each option that we have changed */
	int before[SOCKOPTS_N];
	int buffers_locked; /**< SO_BUF_LOCK: which buffer sizes had been set explicitly */
	int backlog;        /**< for a TCP socket; 0: not changed, or not known */
};

/**
 * As sockopts_set(), on a socket whose options may have been set before. With `kept`: an option
 * that we changed and that is not wanted any more gets its original value; others are left alone.
 * Without `kept` the socket is our own: options that `before` (NULL: only TCP_NODELAY) had set and
 * that are not wanted any more are switched off, except buffer sizes and the times and counts of
 * keepalive, for which the kernel has no way back. With `kept`, `before` is not read.
 */
int sockopts_change(int fd, const struct sockopts *before, const struct sockopts *options,
	struct sockopts_kept *kept);

/**
 * Puts back the original values, as far as the kernel allows it. `kept` may be zeroed. 0 or the
 * first negative errno.
 */
int sockopts_restore(int fd, struct sockopts_kept *kept);

#endif
