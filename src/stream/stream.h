/* SPDX-License-Identifier: ISC */
/*
 * Streams: non-blocking I/O on any fd that can be polled (TCP and UNIX sockets, pipes, socketpairs,
 * ttys), after the contract of Pyjo.IOLoop.Stream. Each row of the contract has a test in
 * tests/unit/test_stream_contract_*.c.
 *
 * Events (struct event, emitter.h) are emitted on the stream's loop. No event is emitted from
 * inside a call of the user, except by stream_emit(), stream_cleanup(), stream_expire(),
 * stream_poke() and stream_poke_input(). The events are:
 *
 *	READ	bytes arrived: data and len, borrowed for the call. data is NULL for bytes that were
 *		spliced, see stream_splice_to()
 *	WRITE	the kernel accepted len bytes: data, borrowed for the call. data is NULL for bytes
 *		that were spliced. Bytes that it accepts while nobody is subscribed are not reported
 *	DRAIN	the kernel has accepted everything written so far. A handler that subscribes after
 *		the write, but in the same turn of the loop and before the event, is called too
 *	END	half-open streams only: the peer has finished sending (half-close). Without
 *		STREAM_HALF_OPEN the end of input closes the stream
 *	HANGUP	half-open streams only: the peer is gone, nothing can be sent to it any more. error
 *		is the cause (0: a UNIX peer or pipe that closed). Emitted once. If that one had
 *		error 0 and the stream fails later, it is emitted again with the error. What the
 *		peer sent before can still be read. If there is an error and the stream is started,
 *		CLOSE follows after the last byte of input
 *	TIMEOUT	no byte was read or written for `timeout`; CLOSE follows
 *	ERROR	an error other than ECONNRESET and EPIPE, which lead to a plain CLOSE; CLOSE
 *		follows. If no handler takes it, it is fatal: the error's text goes to stderr, then
 *		abort()
 *	CLOSE	once, last; error is the cause: 0 (own close or end of input) or a negative errno
 *	INPUT	a stream that was started, but is stopped or paused now, has unread bytes or an
 *		unread end. Do not wait for it if the input may have been there before somebody
 *		subscribed: only more input causes it then. See stream_peek()
 *
 * What the kernel has accepted is reported at most once in a turn of the loop: by WRITE, which is
 * emitted several times if the bytes are not in one piece of memory, then by DRAIN. If a handler
 * writes again, the next report comes in the next turn, so that all other streams are served in
 * between. Only before HANGUP and after a failure the report does not wait.
 *
 * If a stream fails while it is being read, the rest of its input is read, then it is closed. If it
 * fails while it is stopped or paused (enum stream_pause), it is closed at once; but if it is
 * half-open, HANGUP is emitted instead, and the input waits until reading goes on. A stream that
 * fails after its end of input was read, or after stream_close_gracefully(), is closed at once in
 * any case (if it is half-open, after HANGUP).
 *
 * A read of 0 bytes is the end of input, with three exceptions: a FIFO that has had no writer yet
 * (its timeout runs), a terminal that never waits (VMIN 0, VTIME 0), and an empty packet. A
 * terminal that hangs up is at the end of input. File descriptors that a UNIX peer passes are
 * dropped by the kernel.
 *
 * Ownership: stream_new() takes the fd. stream_free() gives the stream up: it closes the stream if
 * it is open, and unsubscribes everyone, so nothing is emitted after it. It may be called in any
 * handler. Call it once, and do not use the stream after it; only data that the current event has
 * borrowed from the stream stays valid until the handler returns.
 *
 * The memory of a handler that waits (subscribed, or given to stream_write() for a DRAIN) is its
 * owner's; the stream only links handlers together. The owner may free or reuse it as soon as the
 * handler is not subscribed any more, also while an event is being emitted, and also if that
 * handler is running:
 *
 *	after stream_off(), or stream_off_events() of its last event
 *	after stream_free(): it unsubscribes everyone and touches no handler's memory later
 *	after stream_once() and for a DRAIN: from the beginning of the call on
 *
 * A close or a failure unsubscribes nobody: a handler whose DRAIN can never come waits until it is
 * unsubscribed or the stream is freed. Ask handler_is_on() (emitter.h). To free a handler while it
 * is subscribed is a bug that the library cannot detect.
 *
 * Misuse does not crash. Unless its comment says otherwise, a function that returns an int returns
 * -EINVAL if the stream is NULL or a value is out of range, and -EBADF if the stream is closed or
 * stolen. A function that returns nothing then does nothing. A function that only reads a property
 * returns 0, false, NULL, NS_NEVER, or -1 for the fd if the stream is NULL, and the last value if
 * it is closed, unless its comment says otherwise. Only two things are asserted: that the call
 * comes from the loop's thread, and that a stream is not freed twice.
 *
 * Signals: the library changes no signal's disposition, and SIGPIPE belongs to the program. A
 * program that ignores it (signal(SIGPIPE, SIG_IGN), before it makes streams) can use the whole
 * library. If the program does not ignore it, a stream still never raises it, at some cost. Sockets
 * are written to with MSG_NOSIGNAL. splice(2) has no such flag, so stream_splice_to() returns
 * -EPERM and everything is copied. A write to a pipe or a tty costs two more system calls, to block
 * the signal and to restore the mask (and a third one, to consume the signal, if nobody reads any
 * more). The library looks the disposition up when it makes a stream of an fd that is no socket,
 * and in each stream_splice_to(). If the program stops ignoring SIGPIPE after that, the signal may
 * be raised.
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
	/** From here to 1 << 15: the application's own events, for stream_emit(). */
	STREAM_OWN_EVENT = 1 << 8,
	STREAM_INPUT = 1 << 16, /**< see stream_peek() */
};

/**
 * Facts about the fd that a caller of stream_open() knows; each saves the system calls to find it
 * out, except STREAM_IS_MPTCP, which costs some. STREAM_NONBLOCKING saves them only together with
 * STREAM_IS_TCP or STREAM_IS_UNIX. STREAM_HALF_OPEN is a choice.
 */
enum stream_flags {
	STREAM_HALF_OPEN = 1 << 0,   /**< end of input does not close: see END and HANGUP */
	STREAM_NONBLOCKING = 1 << 1, /**< the fd has O_NONBLOCK already */
	/** The fd is a TCP socket that no other process or fd shares, with SO_OOBINLINE set. */
	STREAM_IS_TCP = 1 << 2,
	/** The fd is a UNIX stream socket that no other process or fd shares. */
	STREAM_IS_UNIX = 1 << 3,
	/** Only together with STREAM_IS_TCP: the socket may be Multipath TCP or plain TCP
	 * (Multipath TCP was requested, or the listener has it), and SO_OOBINLINE may be set or
	 * not. */
	STREAM_IS_MPTCP = 1 << 4,
};

/**
 * The reasons why a stream is not read. Each reason has its owner; the stream is read when there is
 * none.
 */
enum stream_pause {
	/** By stream_stop(); before the first stream_start(); once closed or stolen. */
	STREAM_STOPPED = 1 << 0,
	STREAM_BACKPRESSURE = 1 << 1, /**< what was read cannot be passed on yet */
	/** From here to 1 << 7: the application's own reasons. */
	STREAM_OWN_PAUSE = 1 << 2,
	STREAM_ALL_PAUSES = (1 << 8) - 1,
};

enum {
	STREAM_TIMEOUT_DEFAULT_S = 15,           /**< contract: timeout */
	STREAM_HIGH_WATER_DEFAULT = 1024 * 1024, /**< contract: high_water_mark */
};

/* ---- life ---- */

/**
 * Makes a stream of `fd`, which it takes and makes non-blocking. The fd is watched from
 * stream_start() on, or once bytes wait to be written, whichever comes first. NULL and
 * errno on failure; the fd is then still the caller's. EBADF; ENOMEM; EOPNOTSUPP: Multipath TCP,
 * which only stream_open() takes, with STREAM_IS_MPTCP; or what getsockopt(2), setsockopt(2) or
 * fcntl(2) say.
 */
struct stream *stream_new(int fd);

/**
 * As stream_new(), on this loop (NULL: the thread's own loop, made on first use) and with flags of
 * enum stream_flags. EINVAL: flags that exclude each other.
 */
struct stream *stream_open(struct loop *loop, int fd, unsigned flags);

/** See "Ownership" above. NULL is fine; returns NULL. */
struct stream *stream_free(struct stream *stream);

/**
 * Called when the variable leaves its scope: closes the stream (if it is not NULL), emits CLOSE and
 * frees it. This CLOSE is emitted from inside the call; a handler may free the stream. Use:
 * STREAM_AUTO struct stream *s = stream_new(fd);
 */
void stream_cleanup(struct stream **stream);
#define STREAM_AUTO __attribute__((cleanup(stream_cleanup)))

/**
 * Closes now: bytes that wait are dropped, stream_fd() is -1, and CLOSE follows in this turn.
 * Idempotent.
 */
void stream_close(struct stream *stream);

/**
 * Closes after the last byte was written and the last DRAIN handler was called; at once if neither
 * is to come (stream_is_writing()).
 */
void stream_close_gracefully(struct stream *stream);

/** Closes with a reset: TCP sends RST; anything else closes as usual. Idempotent. */
void stream_abort(struct stream *stream);

/**
 * Returns the fd, which is not watched any more, to the caller, and ends the stream without CLOSE;
 * call only stream_free() after that. -EBUSY while bytes wait to be written, and for ever after a
 * failure. -EBADF: closed or stolen before.
 */
int stream_steal_handle(struct stream *stream);

/* ---- attributes ---- */

/**
 * The loop, also of a closed stream. NULL if it should be the thread's own loop and that could not
 * be made.
 */
struct loop *stream_loop(struct stream *stream);

/**
 * Moves the stream, with its waiting bytes, to another loop of this thread (NULL: the thread's own
 * loop, made on first use). Possible until the first start. 0 or a negative errno: -EBUSY after the
 * start, after a failure, or while spliced bytes wait; -EBADF if closed; -ENOMEM, -ENOSPC. After an
 * error nothing has changed.
 */
int stream_set_loop(struct stream *stream, struct loop *loop);

/** The fd; -1 once closed or stolen. Use it to query (getsockopt, ioctl), not to read or close. */
int stream_fd(const struct stream *stream);

/**
 * Why the stream failed or was closed: 0 or a negative errno, which may also be -ECONNRESET or
 * -EPIPE. -EINVAL for NULL.
 */
int stream_cause(const struct stream *stream);

/** When the failure was noticed (clock_ns()); its events come after that. 0: no failure. */
uint64_t stream_cause_ns(const struct stream *stream);

/**
 * Whether the end of input was read (a half-open stream then emits END; always true for the write
 * end of a pipe, which emits none), and whether HANGUP was emitted or is about to be.
 */
bool stream_has_ended(const struct stream *stream);
bool stream_has_hung_up(const struct stream *stream);

/**
 * Seconds without a byte read or written before TIMEOUT; 0: never. Setting it restarts the clock,
 * which then also runs before stream_start(). If it is never set, the clock starts at the first
 * stream_start(). It is stored in milliseconds, rounded up. 0 or a negative errno: -EINVAL
 * (negative, not a number, or more than 49 days), -EBADF (closed), -ENOMEM (the stream has failed).
 */
double stream_timeout(const struct stream *stream);
int stream_set_timeout(struct stream *stream, double seconds);

/**
 * When this many bytes wait, stream_can_write() returns false. It also returns false when a write
 * would be refused. 0, -EINVAL (0, or more than UINT32_MAX) or -EBADF (closed).
 */
size_t stream_high_water_mark(const struct stream *stream);
int stream_set_high_water_mark(struct stream *stream, size_t bytes);
bool stream_can_write(const struct stream *stream);

/**
 * Bytes that were written to the stream and that the kernel has not accepted yet; bytes read; bytes
 * that the kernel has accepted.
 */
size_t stream_bytes_waiting(const struct stream *stream);
uint64_t stream_bytes_read(const struct stream *stream);
uint64_t stream_bytes_written(const struct stream *stream);

/** When the last byte was read, and when the kernel last accepted one (clock_ns()); 0: none yet. */
uint64_t stream_read_ns(const struct stream *stream);
uint64_t stream_written_ns(const struct stream *stream);

/**
 * Since when the kernel has accepted none of the waiting bytes (clock_ns()); NS_NEVER if none wait.
 */
uint64_t stream_stalled_ns(const struct stream *stream);

/**
 * False: the peer has not answered the SYN yet, so a connect() with `fastopen` that was reported as
 * done may still fail (TCP_INFO). True for all other streams, for closed ones, and for NULL.
 */
bool stream_is_answered(const struct stream *stream);

/**
 * When bytes last reached the peer, as far as the kernel tells (TCP_INFO, clock_ns(), exact to some
 * ms): the time of the last acknowledgement, or the time when data was last sent, if that was
 * earlier and all of it is acknowledged. 0 if the kernel does not tell, and for closed streams.
 */
uint64_t stream_delivered_ns(const struct stream *stream);

/** Whether it is a TCP socket: only TCP has resets. */
bool stream_is_tcp(const struct stream *stream);

/**
 * What the kernel still holds for the peer (SIOCOUTQ). TCP: bytes that the peer has not
 * acknowledged, also those of a SYN (Fast Open); a FIN counts as one byte. UNIX: the memory of what
 * the peer has not read, which shrinks by whole writes. Others, and closed streams: 0.
 */
size_t stream_unsent(const struct stream *stream);

/** Unread bytes in the kernel (FIONREAD); 0 if closed. */
size_t stream_unread(const struct stream *stream);

/**
 * Limits one READ to this many bytes (1 or more), copied or spliced. The default is the maximum: 1
 * MiB spliced (the largest pipe), and 64 KiB copied (the loop's buffer). A larger value means the
 * maximum. 0, -EINVAL (0 bytes) or -EBADF (closed).
 */
int stream_set_read_max(struct stream *stream, size_t bytes);

/* ---- working ---- */

/**
 * Starts or resumes reading, unless another reason pauses it. The first call watches the fd and
 * starts the clock of the timeout, if that was not done yet. Idempotent. 0 or a negative errno:
 * -ENOMEM, -ENOSPC (too many watches: epoll_ctl(2)), -EPERM (the fd cannot be polled), -EBADF
 * (closed).
 */
int stream_start(struct stream *stream);

/** Stops reading. Writing goes on, and a half-open stream still emits HANGUP. Idempotent. */
void stream_stop(struct stream *stream);

/**
 * Whether it was started and not stopped since; it may be paused for other reasons. False once
 * closed or stolen.
 */
bool stream_is_started(const struct stream *stream);

/**
 * Adds and removes reasons (an OR of enum stream_pause) why the stream is not read. It is read
 * again when none is left; until then everything is as after stream_stop(), whatever the reason.
 * Idempotent. To resume STREAM_STOPPED is to start the stream. 0, -EINVAL (no such reason), -EBADF
 * (closed), or an error of stream_start().
 */
int stream_pause(struct stream *stream, unsigned reasons);
int stream_resume(struct stream *stream, unsigned reasons);

/** The reasons why the stream is not read, an OR of enum stream_pause; 0: it is read. */
unsigned stream_pauses(const struct stream *stream);

/**
 * Writes. The kernel accepts what it can at once; the rest is copied and waits, in order. `drain`
 * (may be NULL) is subscribed for one DRAIN: it is called when everything written so far was
 * accepted, also if len is 0. 0 or a negative errno: -EPIPE (the stream was closed, stolen, shut
 * down or had failed before, or the kernel reports this error now), -EINVAL (no data, or a handler
 * without a call), -EALREADY (the handler is subscribed); any other errno: the stream has failed
 * now, for lack of memory or by an error of the kernel. -ENOMEM may also mean that the thread's own
 * loop could not be made; the stream has not failed then. After an error `drain` is not subscribed
 * by this call.
 */
int stream_write(struct stream *stream, const void *data, size_t len, struct handler *drain);

/**
 * As stream_write(), for data after which stream_shutdown() will be called before the next round of
 * deferred tasks (loop.h): TCP then sends data and FIN in one segment. If it is not called by then,
 * that round sends the data.
 */
int stream_write_last(struct stream *stream, const void *data, size_t len);

/**
 * As stream_write(), for data that should go out together with what is written after it in this
 * turn of the loop, such as a header. Both wait, at most until the turn's end, or, if the turn has
 * already come to its tasks in line (loop.h), until the next turn, which follows at once.
 */
int stream_write_ahead(struct stream *stream, const void *data, size_t len);

/**
 * Whether bytes wait, or a handler waits for a DRAIN that will come. False once closed or stolen.
 */
bool stream_is_writing(const struct stream *stream);

/**
 * Checks whether input or a hang-up waits. Restarts the clock of the timeout, as Pyjo.IOLoop.Stream
 * does.
 */
bool stream_is_readable(struct stream *stream);

/**
 * Sends FIN after the waiting bytes, and not before the peer has answered (stream_is_answered());
 * nothing can be written after this call. Idempotent.
 */
void stream_shutdown(struct stream *stream);

/**
 * From now on the input of `stream` goes to `to` by splice(2), without a copy through user space,
 * where the kernel and the loop's pool of pipes (pipe.h) allow it. READ reports how many bytes it
 * was. Bytes that cannot be spliced come as READ with data, which the handler writes as before. The
 * order of bytes is kept. While `to` is below its high-water mark, no READ with data exceeds the
 * room below the mark. Bytes in the pipe count as waiting for `to`. NULL ends splicing, also for a
 * closed stream. `to` must be on the same loop and must live until splicing ends or has another
 * target. 0 or a negative errno. After -EINVAL (`to` is `stream`, or on another loop, or connect(2)
 * is in progress) and -EBADF (one of them is closed) nothing has changed. After -EOPNOTSUPP (the
 * kernel has refused to splice from `stream` or to `to`, which is final, or one of them is
 * Multipath TCP), -EPERM (SIGPIPE is not ignored, see above) and -ENOMEM everything is copied.
 */
int stream_splice_to(struct stream *stream, struct stream *to);

/**
 * Whether input is to be spliced. False once closed, and once the kernel has refused to splice from
 * this stream or to the target, which must live on all the same.
 */
bool stream_is_splicing(const struct stream *stream);

/**
 * Checks the fd now, whatever the last event said: writes waiting bytes as far as the kernel
 * accepts them, then reads once, unless the stream is stopped or paused. For a timer that must
 * decide on the newest state. Emits events, so call it only from a timer or task.
 */
void stream_poke(struct stream *stream);

/**
 * As stream_poke(), but does not write. For an owner that takes written bytes as a sign of life:
 * TCP accepts a few bytes more even if the peer is stuck.
 */
void stream_poke_input(struct stream *stream);

/**
 * Emits TIMEOUT, for an owner that has a clock of its own (a pair of streams has one clock); the
 * owner must close the stream after it. Emits an event, so call it only from a timer or task.
 */
void stream_expire(struct stream *stream);

/* ---- looking before reading ---- */

/**
 * The next three functions are for a user that must see the first bytes of a socket before it
 * decides who reads them. Start the stream, then stop or pause it: it emits INPUT; the user can
 * then look at the input (peek) or take it. None of this counts as reading (stream_bytes_read(),
 * stream_read_ns()). Input that is left comes as READ when reading goes on.
 *
 * stream_peek() shows the beginning of the unread input, at most `max` bytes (and 64 KiB). Returns
 * how many, and in *ret_bytes a buffer of the loop that the next read of any stream overwrites. 0:
 * the end of input. -EAGAIN: no input. -EINVAL: not a socket, or connect(2) is in progress. -EBADF:
 * closed. Other errors: the stream has failed, now or before; its events report it.
 */
ssize_t stream_peek(struct stream *stream, const void **ret_bytes, size_t max);

/**
 * Discards the first `len` bytes of input, which a peek has shown. `is_all`: that peek returned
 * fewer bytes than it asked for, and these are all of them. TCP only, else -EINVAL. 0 or a negative
 * errno of stream_peek().
 */
int stream_skip(struct stream *stream, size_t len, bool is_all);

/**
 * Reads up to `len` bytes. Returns how many, or what stream_peek() returns. INPUT is emitted for
 * input that comes after the first -EAGAIN.
 */
ssize_t stream_take(struct stream *stream, void *buffer, size_t len);

/**
 * Whether an event has shown that the peer has finished or that the stream has failed: no input
 * will follow the unread input.
 */
bool stream_input_is_over(const struct stream *stream);

/* ---- events ---- */

/**
 * Subscribes `handler` to `events` (an OR of enum stream_event); with stream_once() only to the
 * first of these events that comes. 0, -EINVAL (no event, an unknown one, or a handler without a
 * call) or -EALREADY (it is subscribed somewhere). Also works on a closed or stolen stream: its
 * CLOSE may still come, and the application may emit its own events.
 */
int stream_on(struct stream *stream, unsigned events, struct handler *handler);
int stream_once(struct stream *stream, unsigned events, struct handler *handler);

/** Unsubscribes one handler, or everyone from `events`. Does nothing if there is none. */
void stream_off(struct stream *stream, struct handler *handler);
void stream_off_events(struct stream *stream, unsigned events);

/** How many handlers take any of `events`, and whether one does. */
size_t stream_subscribers(const struct stream *stream, unsigned events);
bool stream_has_subscribers(const struct stream *stream, unsigned events);

/**
 * Calls the handlers of event->type (one bit) with `event`, now, and does nothing else: the stream
 * does not change. An ERROR that no handler takes is fatal here too. Also works on a closed stream.
 * 0 or -EINVAL: no event, or its type is not one bit up to 1 << 16.
 */
int stream_emit(struct stream *stream, const struct event *event);

#endif
