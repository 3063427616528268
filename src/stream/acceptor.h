/* SPDX-License-Identifier: ISC */
/*
 * Accepts connections from one listening fd, our own or an inherited one, on one loop.
 *
 *	running ── admit() returns false ──▶ paused ── acceptor_resume() ──▶ running
 *	running ── accept4() fails, as with EMFILE ──▶ resting (100 ms) ──▶ running
 *	any     ── acceptor_drain() ──▶ draining ── queue still empty after a moment ──▶ drained()
 *
 * Before each accept4() the acceptor calls admit(), in which the owner takes a place under its
 * limit. If accept4() then finds no connection, the acceptor calls refused(), in which the owner
 * gives the place back. While an acceptor is paused or resting, connections stay in the kernel's
 * queue and cause no wake-up. The acceptor never accepts a connection only to close it.
 *
 * A false from admit() and the pause that follows are atomic for this thread only. If other threads
 * give places back, admit() must first set a flag that it is about to refuse, and then look for a
 * place once more. A thread that gives a place back after that look sees the flag and posts a
 * resume.
 *
 * Every function except acceptor_open() accepts NULL, and then does nothing.
 */
#ifndef WEIR_STREAM_ACCEPTOR_H
#define WEIR_STREAM_ACCEPTOR_H

#include <stdbool.h>

#include "base/addr.h"

struct acceptor;
struct loop;
struct sockopts;
struct sockopts_kept;

enum {
	ACCEPTOR_A_TURN = 16,     /**< most accepts in one turn; a power of two */
	ACCEPTOR_REST_MS = 100,   /**< rest after a failure, such as a lack of fds */
	ACCEPTOR_LINGER_MS = 100, /**< wait for the last segment of a handshake */
};

struct acceptor_opts {
	struct loop *loop;
	int fd;       /**< listening, non-blocking; the acceptor takes it */
	bool is_unix; /**< a UNIX socket: it has no options except the backlog */
	/** Other processes or workers listen on the same socket: draining does not change it. */
	bool is_shared;
	/** What a TCP socket has. The connections that are already in the queue of an inherited one
	 * have not inherited these options, so each gets them. Borrowed until the close, or until
	 * acceptor_set_options() has returned. May be NULL. */
	const struct sockopts *options;
	/** The options that an inherited socket had before we changed it (listen_adopt()), for
	 * acceptor_set_options(). Borrowed until the close. NULL: we made the socket. */
	struct sockopts_kept *kept;
	/** Passed to the callbacks. Each of them may close the acceptor. */
	void *owner;
	/** Returns whether one more connection may be accepted, and takes its place if so. After
	 * false the acceptor pauses. NULL: always true. */
	bool (*admit)(void *owner);
	/** The place that admit() took is not needed. Must be NULL if admit is NULL. */
	void (*refused)(void *owner);
	/** A connection was accepted. The owner takes the fd, which is CLOEXEC and NONBLOCK. */
	void (*accepted)(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len);
	/** May be NULL. Accepting failed with `err`, a negative errno, and the acceptor rests.
	 * Meant for a log line, which the owner should rate-limit. */
	void (*resting)(void *owner, int err);
	/** After acceptor_drain(): the queue is empty, or, if acceptor_drain() returned false, as
	 * many connections were accepted as were in the queue when the drain began. Nothing is
	 * accepted any more: the socket refuses new clients, or the acceptor has closed the fd. The
	 * owner must close the acceptor, but may do so later, since closing thousands of sockets
	 * takes a while. May be NULL if acceptor_drain() is never called. */
	void (*drained)(void *owner);
};

/**
 * Starts accepting. NULL and errno on failure; the fd is then still the caller's. EINVAL: `loop`,
 * `fd` or `accepted` is missing, or only one of `admit` and `refused` is set.
 */
struct acceptor *acceptor_open(const struct acceptor_opts *opts);

/**
 * Stops accepting and closes the fd; the kernel resets the connections in its queue. A TCP address
 * is free at once, even if a child has a copy of the fd (base/fds.h), but not if the socket is
 * shared. The memory is freed at the end of this turn. NULL is fine; returns NULL.
 */
struct acceptor *acceptor_close(struct acceptor *acceptor);

/**
 * acceptor_pause() stops accepting until acceptor_resume(). Both are idempotent, and both also work
 * while the acceptor drains.
 */
void acceptor_pause(struct acceptor *acceptor);
void acceptor_resume(struct acceptor *acceptor);
bool acceptor_is_paused(const struct acceptor *acceptor);

/**
 * Closes the socket to new clients (listen_refuse()), accepts the connections that are in the
 * queue, gives handshakes in progress ACCEPTOR_LINGER_MS to complete, accepts those too, then calls
 * drained(). So no client is reset. If the socket is shared, or listen_refuse() fails (for TCP on a
 * kernel before 5.1), only the connections that are in the queue now are accepted. While the
 * acceptor is paused and its queue is not empty, the drain waits for acceptor_resume(). Idempotent.
 * Returns whether new clients are kept out; false, without any effect, if drained() is NULL.
 */
bool acceptor_drain(struct acceptor *acceptor);

/**
 * Gives later connections these options instead of those in acceptor_opts: sets them on the
 * listening socket, if it is TCP, and sets the backlog. On an inherited socket, an option that the
 * new options do not set gets back its original value, but only if we had changed it; the backlog
 * only if it is TCP (listen_set_backlog()). 0 or a negative errno. `options` is borrowed as those
 * were, also after a failure. Has no effect after the drain.
 */
int acceptor_set_options(struct acceptor *acceptor, const struct sockopts *options);

/** The listening fd; -1 once it is closed. */
int acceptor_fd(const struct acceptor *acceptor);

#endif
