/* SPDX-License-Identifier: ISC */
/*
 * Streams: non-blocking I/O on anything that can be polled (TCP and UNIX sockets, pipes,
 * socketpairs, ttys), after the contract of Pyjo.IOLoop.Stream. The rows of the contract are the
 * tests of tests/unit/test_stream_contract_*.c.
 *
 * Events (struct event, emitter.h), emitted on the stream's loop, never from inside a call by the
 * user:
 *
 *	READ	bytes arrived: data and len, borrowed for the call. data is NULL for bytes that went
 *		past us, see stream_splice_to()
 *	WRITE	len bytes were taken by the kernel: data, borrowed for the call. data is NULL for
 *		bytes that went past us, see stream_splice_to(). What is taken before somebody is
 *		subscribed is not told
 *	DRAIN	everything written so far has gone out. Who subscribes after the write, but in the
 *		same turn of the loop and before the event, hears it too
 *	END	half-open streams only: the peer finished sending. Without STREAM_HALF_OPEN the end
 *		of input closes the stream
 *	HANGUP	half-open streams only: the peer is gone, nothing can be sent to it any more. error
 *		is the cause (0: a UNIX peer or pipe that closed). Emitted once. If that one had
 *		error 0 and the stream fails later, it is emitted again with the error. What the
 *		peer sent before can still be read: with an error, CLOSE follows when the input is
 *		exhausted and the stream is started
 *	TIMEOUT	no byte moved for `timeout`; CLOSE follows
 *	ERROR	an error other than ECONNRESET and EPIPE, which are a plain CLOSE; CLOSE follows.
 *		Without a handler it is fatal: the error's text to stderr, then abort()
 *	CLOSE	once, last; error is the cause: 0 (own close or end of input) or a negative errno
 *	INPUT	of a started stream that is paused: bytes or an end have come, and are not read.
 *		What was there before somebody subscribed is not told. See stream_peek()
 *
 * WRITE and DRAIN come once in a turn of the loop: a handler that writes again hears the next ones
 * in the next turn, and everybody else goes on between.
 *
 * A stream that fails while it is read is read until its input is exhausted, then closed. One that
 * fails while it is stopped, or paused for another reason (enum stream_pause), is closed at once,
 * unless it is half-open: then HANGUP tells, and the input waits until reading goes on.
 *
 * A read of no bytes is the end of input, but where a FIFO has had no writer yet (its timeout
 * runs), on a terminal that never waits (VMIN 0, VTIME 0), and where it is an empty packet. A
 * terminal that hangs up has ended. Descriptors that a UNIX peer passes are dropped by the kernel.
 *
 * Ownership: stream_new() takes the fd. stream_free() gives the stream up, closes it if it is open,
 * and unsubscribes everyone: after it nothing fires. It may be called in any handler. Call it once;
 * the stream must not be used afterwards, but for what events still borrow of it in that call.
 *
 * Handlers that wait (subscribed, or given to stream_write() for a DRAIN) are their owner's memory,
 * which the stream only links together. The owner may free or reuse it as soon as the handler is
 * not subscribed any more, also while an event is being emitted, also the handler that is running:
 *
 *	after stream_off(), or stream_off_events() of its last event
 *	after stream_free(): everyone is unsubscribed in it, nobody's memory is touched later
 *	after stream_once() and for a DRAIN: from the beginning of the call on
 *
 * A close or a failure unsubscribes nobody: a handler whose DRAIN can never come waits until it is
 * taken off or the stream is freed. handler_is_on() (emitter.h) tells. A handler that is freed
 * while it is subscribed is a bug that nothing here can notice.
 *
 * Misuse is no crash. A stream that is NULL, or a value out of range, is -EINVAL where a function
 * returns an int, unless it says otherwise; a stream that is closed or stolen is -EBADF, also where
 * that is not repeated below. What returns nothing does nothing then. What only looks says the same
 * of NULL as of a stream that never did anything (0, false, NULL, -1 for the fd, NS_NEVER), and of
 * a closed one how it was at the end. Asserted is only that a call comes from the loop's thread,
 * and that nobody frees a stream twice.
 *
 * Signals: no signal's disposition is changed here, and SIGPIPE is the program's. One that ignores
 * it (signal(SIGPIPE, SIG_IGN), before it makes streams) has all of this library. Where it is not
 * ignored, it is still never raised by a stream: sockets are written to with MSG_NOSIGNAL;
 * splice(2) knows no such flag, so stream_splice_to() says -EPERM and everything is copied; and a
 * write to a pipe or a tty costs two system calls more, to block the signal and to restore the mask
 * (and a third one to take it back when nobody reads any more). It is looked up once for a stream
 * that is no socket, when that is made, and by each stream_splice_to(): who no longer ignores it
 * from then on is on his own.
 */
#ifndef WEIR_STREAM_STREAM_H
#define WEIR_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stream/emitter.h"

struct loop;
struct stream;

enum stream_event {
	STREAM_READ = 1 << 0,
	STREAM_WRITE = 1 << 1,
	STREAM_DRAIN = 1 << 2,
	STREAM_END = 1 << 3,
	STREAM_HANGUP = 1 << 4,
	STREAM_TIMEOUT = 1 << 5,
	STREAM_ERROR = 1 << 6,
	STREAM_CLOSE = 1 << 7,
	STREAM_ALL_EVENTS = (1 << 8) - 1,
	/** From here to 1 << 15: the application's own, for stream_emit(). */
	STREAM_OWN_EVENT = 1 << 8,
	STREAM_INPUT = 1 << 16, /**< see stream_peek() */
};

/** What stream_open() may be told, to save the system calls that find it out. */
enum stream_flags {
	STREAM_HALF_OPEN = 1 << 0,   /**< end of input does not close: see END and HANGUP */
	STREAM_NONBLOCKING = 1 << 1, /**< the fd has O_NONBLOCK already */
	/** The fd is a TCP socket that no other process or fd shares, with SO_OOBINLINE set. */
	STREAM_IS_TCP = 1 << 2,
	/** The fd is a UNIX stream socket that no other process or fd shares. */
	STREAM_IS_UNIX = 1 << 3,
	/** Beside STREAM_IS_TCP: it was asked for as Multipath TCP, or accepted where that was, so
	 * it may be either, and SO_OOBINLINE is not known. */
	STREAM_IS_MPTCP = 1 << 4,
};

/** Why a stream is not read: each reason has its owner, and reading goes on when none is left. */
enum stream_pause {
	STREAM_STOPPED = 1 << 0,      /**< by stream_stop(), or before the first stream_start() */
	STREAM_BACKPRESSURE = 1 << 1, /**< what was read cannot be passed on yet */
	/** From here to 1 << 7: the application's own. */
	STREAM_OWN_PAUSE = 1 << 2,
	STREAM_ALL_PAUSES = (1 << 8) - 1,
};

enum {
	STREAM_TIMEOUT_DEFAULT_S = 15,           /**< contract: timeout */
	STREAM_HIGH_WATER_DEFAULT = 1024 * 1024, /**< contract: high_water_mark */
};

/* ---- life ---- */

/**
 * A stream for `fd`, which it takes and makes non-blocking; nothing is watched before
 * stream_start(). NULL and errno (EBADF, EINVAL, ENOMEM) on failure: the fd is then still the
 * caller's.
 */
struct stream *stream_new(int fd);

/** As stream_new(), on this loop (NULL: the thread's own, on first use) and with enum stream_flags.
 */
struct stream *stream_open(struct loop *loop, int fd, unsigned flags);

/** See "Ownership" above. NULL is fine; returns NULL. */
struct stream *stream_free(struct stream *stream);

/**
 * Leaving the scope closes the stream (if it is not NULL), tells CLOSE (the one event that comes
 * from inside; a handler may free the stream) and gives it up: STREAM_AUTO struct stream *s =
 * stream_new(fd);
 */
void stream_cleanup(struct stream **stream);
#define STREAM_AUTO __attribute__((cleanup(stream_cleanup)))

/** Closes now: what waits is dropped, stream_fd() is -1, CLOSE follows in this turn. Idempotent. */
void stream_close(struct stream *stream);

/** Closes after the last byte and the last drain handler; at once when nothing waits. */
void stream_close_gracefully(struct stream *stream);

/** Closes with a reset (TCP: RST; anything else: a plain close). Idempotent. */
void stream_abort(struct stream *stream);

/**
 * Gives the fd back, unwatched, and ends the stream without CLOSE; only stream_free() is left to
 * do. -EBUSY while bytes wait to be written, or a failure has not been reported yet; -EBADF when
 * closed or stolen before.
 */
int stream_steal_handle(struct stream *stream);

/* ---- attributes ---- */

/** The loop, also of a closed stream; NULL if it is the thread's own and that could not be made. */
struct loop *stream_loop(struct stream *stream);

/**
 * Moves the stream, with all that waits, to another loop of this thread (NULL: the thread's own, on
 * first use) until the first start. 0 or a negative errno: -EBUSY after it, after a failure, or
 * while spliced bytes wait; -EBADF when closed; -ENOMEM, -ENOSPC, and all is as it was.
 */
int stream_set_loop(struct stream *stream, struct loop *loop);

/** The fd, -1 once closed or stolen. For looking (getsockopt, ioctl), not for reading or closing.
 */
int stream_fd(const struct stream *stream);

/**
 * Why the stream failed or was closed: 0 or a negative errno, also -ECONNRESET and -EPIPE. -EINVAL
 * for NULL.
 */
int stream_cause(const struct stream *stream);

/** When the failure was noticed (clock_ns()); its events come later in that turn. 0: none was. */
uint64_t stream_cause_ns(const struct stream *stream);

/** Whether END was seen (half-open) and whether HANGUP was. */
bool stream_has_ended(const struct stream *stream);
bool stream_has_hung_up(const struct stream *stream);

/**
 * Seconds without a byte read or written before TIMEOUT; 0: never. Setting it restarts the clock,
 * which runs from then on, or from the first start if it is never set. Kept in milliseconds,
 * rounded up. 0 or a negative errno: -EINVAL (negative, no number, or more than 49 days), -EBADF
 * (closed), -ENOMEM (the stream has failed).
 */
double stream_timeout(const struct stream *stream);
int stream_set_timeout(struct stream *stream, double seconds);

/**
 * From this many waiting bytes on stream_can_write() is false, as where a write is refused. 0,
 * -EINVAL (0, or more than UINT32_MAX) or -EBADF (closed).
 */
size_t stream_high_water_mark(const struct stream *stream);
int stream_set_high_water_mark(struct stream *stream, size_t bytes);
bool stream_can_write(const struct stream *stream);

/** Bytes that were written to the stream and that the kernel has not taken yet. */
size_t stream_bytes_waiting(const struct stream *stream);
uint64_t stream_bytes_read(const struct stream *stream);
uint64_t stream_bytes_written(const struct stream *stream);

/** When the last byte was read, and taken by the kernel (clock_ns()); 0: none yet. */
uint64_t stream_read_ns(const struct stream *stream);
uint64_t stream_written_ns(const struct stream *stream);

/** Since when nothing of what waits was taken (clock_ns()); NS_NEVER when nothing waits. */
uint64_t stream_stalled_ns(const struct stream *stream);

/** False: the peer has not answered the SYN yet, so a connect() with `fastopen` that has told that
 * it is done may fail still (TCP_INFO). True of all other streams. */
bool stream_is_answered(const struct stream *stream);

/**
 * When the kernel last got bytes through to the peer, as far as it tells (TCP_INFO): the last
 * acknowledgement, or the last data sent if that is longer ago and all of it is acknowledged
 * (clock_ns(), to some ms). 0 if it does not tell.
 */
uint64_t stream_delivered_ns(const struct stream *stream);

/** Whether it is a TCP socket: only that knows resets. */
bool stream_is_tcp(const struct stream *stream);

/**
 * What the kernel holds for the peer (SIOCOUTQ). TCP: bytes that it has not acknowledged, and a FIN
 * counts as one. UNIX: memory of what it has not read, which goes down by whole writes. Others: 0.
 */
size_t stream_unsent(const struct stream *stream);

/** Bytes that wait unread in the kernel (FIONREAD); 0 when closed. */
size_t stream_unread(const struct stream *stream);

/**
 * At most this many bytes in one READ, copied or past us: from 1. Default and maximum: 1 MiB past
 * us (the largest pipe), and of that the loop's buffer (64 KiB) for a copy; what is more means the
 * same. 0, -EINVAL (0 bytes) or -EBADF (closed).
 */
int stream_set_read_max(struct stream *stream, size_t bytes);

/* ---- working ---- */

/**
 * Starts or resumes reading, unless another reason pauses it; the first call watches the fd, and
 * starts the clock of the timeout if it does not run yet. Idempotent. 0 or a negative errno:
 * -ENOMEM, -EPERM (it cannot be polled), -EBADF (closed).
 */
int stream_start(struct stream *stream);

/** Stops reading; writing goes on, and a half-open stream still tells HANGUP. Idempotent. */
void stream_stop(struct stream *stream);

/** Whether it was started and not stopped since; it may be paused for other reasons. */
bool stream_is_started(const struct stream *stream);

/**
 * Adds and removes reasons (an OR of enum stream_pause) for which nothing is read. Reading goes on
 * when none is left; until then all is as after stream_stop(), whichever reason it is. Idempotent.
 * Who resumes STREAM_STOPPED starts the stream. 0, -EINVAL (no such reason), -EBADF (closed), or
 * what stream_start() says.
 */
int stream_pause(struct stream *stream, unsigned reasons);
int stream_resume(struct stream *stream, unsigned reasons);

/** Why nothing is read, an OR of enum stream_pause; 0: it is. */
unsigned stream_pauses(const struct stream *stream);

/**
 * Writes: the kernel takes what it can at once, the rest is copied and waits, in order. `drain`
 * (may be NULL) is subscribed for one DRAIN: it is called once all that was written so far is out,
 * also when len is 0. 0 or a negative errno: -EPIPE (closed, stolen, failed or shut down before),
 * -EINVAL (no data, or a handler without a call), -EALREADY (the handler is subscribed), else the
 * stream failed now, for lack of memory or by the kernel's word. After an error `drain` is not
 * subscribed.
 */
int stream_write(struct stream *stream, const void *data, size_t len, struct handler *drain);

/**
 * Writes what a stream_shutdown() is to follow in this turn of the loop: on TCP both go out in one
 * segment then. Without one it goes out alone at the turn's end. As stream_write() otherwise.
 */
int stream_write_last(struct stream *stream, const void *data, size_t len);

/**
 * Writes what belongs before what comes next, say a header: it waits for who writes in this turn of
 * the loop, and goes out together with that; alone at the turn's end, where nobody does. As
 * stream_write() otherwise.
 */
int stream_write_ahead(struct stream *stream, const void *data, size_t len);

/** Whether bytes wait or somebody waits for a DRAIN on its way. False once closed or stolen. */
bool stream_is_writing(const struct stream *stream);

/** Quick look whether input or a hang-up waits. Restarts the clock of the timeout, as the reference
 * does. */
bool stream_is_readable(struct stream *stream);

/** Sends FIN after what waits; nothing can be written afterwards. Idempotent. */
void stream_shutdown(struct stream *stream);

/**
 * From now on the input of `stream` goes to `to` by splice(2), past user space, where the kernel
 * and the loop's pool of pipes (pipe.h) let it; READ tells how much. What does not pass so is told
 * by READ with data, for the handler to write as before: the order stays, and while `to` is below
 * its high-water mark no such READ goes beyond it. What waits in a pipe counts as waiting for `to`.
 * NULL ends it, for a closed stream too. `to` is on the same loop, and outlives this or is replaced
 * first. 0 or a negative errno, then all is copied: -EINVAL (itself, on another loop, or connect(2)
 * is under way), -EBADF (one is closed), -EOPNOTSUPP (the kernel has refused one of them for good),
 * -EPERM (SIGPIPE is not ignored, see above), -ENOMEM.
 */
int stream_splice_to(struct stream *stream, struct stream *to);

/** Whether it is to; not once the kernel has refused for good. */
bool stream_is_splicing(const struct stream *stream);

/**
 * Looks at the kernel now, whatever the last event said: reads once if the stream is started, and
 * tries once to write what waits. For a timer that is about to judge. Emits, so only from a timer
 * or task.
 */
void stream_poke(struct stream *stream);

/** The same for input alone: a receiver to which little room would mean life is not written to. */
void stream_poke_input(struct stream *stream);

/**
 * Emits TIMEOUT for an owner who keeps the time himself (a pair of streams has one clock); the
 * owner closes the stream then. Emits, so only from a timer or task.
 */
void stream_expire(struct stream *stream);

/* ---- looking before reading ---- */

/**
 * For who must know the first bytes of a socket before it decides who reads them: a stream that was
 * started and stopped tells INPUT, and what has come can be looked at or taken. All of this counts
 * as if it had never come (stream_bytes_read(), stream_read_ns()), and what is left is READ when
 * reading goes on.
 *
 * Shows what waits in the kernel, from its beginning, at most `max` bytes (and 64 KiB): how many,
 * and *ret_bytes, in a buffer of the loop that the next read of any stream overwrites. 0: the end
 * of input. -EAGAIN: nothing is there; -EINVAL: no socket, or connect(2) is under way; -EBADF
 * (closed); else the stream has failed, and HANGUP follows.
 */
ssize_t stream_peek(struct stream *stream, const void **ret_bytes, size_t max);

/**
 * Throws the first `len` bytes away, which a peek has shown. `is_all`: that peek got less than it
 * asked for, and nothing is behind these. TCP only, else -EINVAL; 0 or a negative errno, as above.
 */
int stream_skip(struct stream *stream, size_t len, bool is_all);

/** Takes up to `len` bytes: how many, or what stream_peek() says. INPUT comes for what follows the
 * first -EAGAIN. */
ssize_t stream_take(struct stream *stream, void *buffer, size_t len);

/** Whether the peer has finished, as far as was told: what waits is the last, or it has failed. */
bool stream_input_is_over(const struct stream *stream);

/* ---- events ---- */

/**
 * Subscribes `handler` to `events` (an OR of enum stream_event), once: to the first of them alone.
 * 0, -EINVAL (no event, one that is none, or a handler without a call) or -EALREADY (it is
 * subscribed somewhere). A closed or stolen stream takes handlers too: CLOSE may be on its way, and
 * the application's own events can still be emitted.
 */
int stream_on(struct stream *stream, unsigned events, struct handler *handler);
int stream_once(struct stream *stream, unsigned events, struct handler *handler);

/** Unsubscribes a handler, or everyone from `events`. Harmless when there is none. */
void stream_off(struct stream *stream, struct handler *handler);
void stream_off_events(struct stream *stream, unsigned events);

/** How many handlers take any of `events`, and whether one does. */
size_t stream_subscribers(const struct stream *stream, unsigned events);
bool stream_has_subscribers(const struct stream *stream, unsigned events);

/**
 * Calls the handlers of event->type (one bit) with `event`, now. Only that: what the event stands
 * for is not done. An ERROR that nobody handles is fatal here too. Works on a closed stream as
 * well. 0 or -EINVAL: no event, or its type is not one bit up to 1 << 16.
 */
int stream_emit(struct stream *stream, const struct event *event);

#endif
