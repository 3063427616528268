/* SPDX-License-Identifier: ISC */
/*
 * Accepts connections from one listening fd, own or inherited, on one loop.
 *
 *	running ── admit() says no ──▶ paused ── acceptor_resume() ──▶ running
 *	running ── EMFILE, ENFILE, ENOBUFS, ENOMEM ──▶ resting (100 ms) ──▶ running
 *	any     ── acceptor_drain() ──▶ draining ── queue empty, a moment later too ──▶ drained()
 *
 * Before each accept4() the owner admits it (takes its place under a limit); if there is then
 * nothing to accept, refused() gives the place back. A paused or resting acceptor leaves the queue
 * in the kernel and costs no wake-up. Nothing is ever accepted only to be closed.
 *
 * admit() that says no, and the pause that follows, are one step for this thread only. Where other
 * threads give places back, admit() has to note that it said no before it looks for a place a last
 * time, so that whoever gives a place back after that look sees the note, and posts a resume.
 *
 * Every function but acceptor_open() takes NULL, which is an acceptor that does nothing.
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
	ACCEPTOR_A_TURN = 16,     /**< accepted in one turn at most; a power of two */
	ACCEPTOR_REST_MS = 100,   /**< after running out of fds or memory */
	ACCEPTOR_LINGER_MS = 100, /**< for the last segment of a handshake */
};

struct acceptor_opts {
	struct loop *loop;
	int fd;         /**< listening, non-blocking; taken */
	bool is_unix;   /**< not TCP: it has no options but a backlog */
	bool is_shared; /**< others listen on the same socket: draining leaves it as it is */
	const struct sockopts *options; /**< of an inherited TCP socket; must stay; may be NULL */
	/** What an inherited socket had before us, for acceptor_set_options(). NULL: it is ours. */
	struct sockopts_kept *kept;
	void *owner; /**< handed to the callbacks, which may all close the acceptor */
	/** May one more be accepted? Takes its place if so. False pauses. NULL: always. */
	bool (*admit)(void *owner);
	/** The place that admit() took is not needed after all. NULL if admit is. */
	void (*refused)(void *owner);
	/** A connection: the fd (CLOEXEC, NONBLOCK) is the owner's. */
	void (*accepted)(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len);
	/** May be NULL. Accepting failed with `err` and rests. For a log line; rate-limit it. */
	void (*resting)(void *owner, int err);
	/** After acceptor_drain(): the queue is empty (of a shared socket: its length at that time
	 * was accepted), nothing is accepted any more, and the owner is to close the acceptor. That
	 * may wait, since closing thousands of sockets takes a while: nobody new can come, or else
	 * the fd is closed already. NULL if acceptor_drain() is never called. */
	void (*drained)(void *owner);
};

/**
 * Starts accepting; NULL and errno (the fd is then still the caller's): EINVAL when `loop`, `fd` or
 * `accepted` is missing, or one of `admit` and `refused`.
 */
struct acceptor *acceptor_open(const struct acceptor_opts *opts);

/**
 * Stops, closes the fd and frees at the end of this turn; what waits in its queue is reset by the
 * kernel. NULL is fine; returns NULL.
 */
struct acceptor *acceptor_close(struct acceptor *acceptor);

/** No more accepts until acceptor_resume(). Idempotent, both; for a draining acceptor too. */
void acceptor_pause(struct acceptor *acceptor);
void acceptor_resume(struct acceptor *acceptor);
bool acceptor_is_paused(const struct acceptor *acceptor);

/**
 * Lets nobody new in (listen_refuse()), accepts what waits, gives handshakes that are under way
 * ACCEPTOR_LINGER_MS, accepts again, then calls drained() (nothing from inside this call): so no
 * client is reset. Of a shared socket it only accepts what waits now. A pause holds it up until
 * acceptor_resume(), unless nothing waits. Idempotent. Whether nobody new comes any more. One
 * without drained() does not drain: false.
 */
bool acceptor_drain(struct acceptor *acceptor);

/**
 * Connections to come have these options, in place of those of acceptor_opts: sets the socket, if
 * it is TCP, and the backlog. Of an inherited one only what we had set is taken back. 0 or a
 * negative errno. `options` must stay, also after a failure. One that has drained sets nothing.
 */
int acceptor_set_options(struct acceptor *acceptor, const struct sockopts *options);

/** The listening fd, -1 once closed. */
int acceptor_fd(const struct acceptor *acceptor);

#endif
