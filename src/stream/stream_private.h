/* SPDX-License-Identifier: ISC */
/*
 * The inside of a stream, shared by stream.c (life), stream_events.c (emitting events), stream_io.c
 * and stream_splice.c (moving bytes), stream_look.c (looking at input), stream_queue.c (the write
 * queue), stream_clock.c, stream_attributes.c and attempt.c.
 */
#ifndef WEIR_STREAM_STREAM_PRIVATE_H
#define WEIR_STREAM_STREAM_PRIVATE_H

#include <assert.h>
#include <sys/types.h>

#include "stream/loop.h"
#include "stream/pipe.h"
#include "stream/stream.h"
#include "stream/timer.h"

enum {
	READS_A_TURN = 4, /**< so that a fast stream does not starve the others */
	/** After this many bytes no further read begins in the turn. One splice may exceed it. */
	BYTES_A_TURN = READS_A_TURN * LOOP_BUFFER_BYTES,
	READ_MAX = PIPE_BYTES_MAX, /**< the largest stream::read_max: the most of one splice */
};
static_assert((int)STREAM_ALL_PAUSES <= UINT8_MAX, "stream::pauses has a bit for each reason");

/**
 * Written bytes, in order. The kernel has accepted those from `told` to `begin`, and WRITE has not
 * reported them yet. Those from `begin` to `end` wait to be written.
 */
struct chunk {
	struct chunk *next; /**< the last chunk points to the oldest: they form a ring */
	size_t told;
	size_t begin;
	size_t end;
	size_t capacity;
	bool lent;    /**< a handler of WRITE uses it: it must not be freed */
	bool dropped; /**< to be freed when that handler returns */
	char bytes[];
};

/** The stream's own clock. Only a stream with a timeout has one. */
struct stream_clock {
	struct timer timer;
	struct stream *stream;
	uint64_t restarted_ns; /**< the last restart that was not caused by bytes */
};

/**
 * The life of a stream. What each state allows:
 *
 *			fd	reads	writes	set_loop	emits
 *	CONNECTING	yes	no	no	no		STREAM_CONNECTED
 *	NEW		yes	no	yes	yes		WRITE, DRAIN, HANGUP, TIMEOUT
 *	OPEN		yes	yes	yes	no		all but ERROR, CLOSE
 *	FAILED		yes	yes	no	no		all but END, INPUT, CLOSE
 *	CLOSED		no	no	no	no		CLOSE
 *	TOLD, STOLEN	no	no	no	no		nothing
 *	FREED		no	no	no	no		nothing; its memory goes soon
 *
 *	CONNECTING ──▶ NEW ── stream_start() ──▶ OPEN
 *	NEW, OPEN ── stream_fail() ──▶ FAILED
 *	CONNECTING to FAILED ── stream_close() ──▶ CLOSED ── CLOSE ──▶ TOLD
 *	NEW, OPEN ── stream_steal_handle() ──▶ STOLEN
 *	any ── stream_free() ──▶ FREED
 */
enum stream_life {
	LIFE_CONNECTING,
	LIFE_NEW,
	LIFE_OPEN,
	LIFE_FAILED, /**< the last state that has an fd */
	LIFE_CLOSED,
	LIFE_TOLD,
	LIFE_STOLEN,
	LIFE_FREED,
};

enum stream_kind {
	KIND_FILE, /**< not a socket: a pipe, a tty, an eventfd */
	KIND_SOCKET,
	KIND_TCP,
	KIND_MPTCP, /**< Multipath TCP, which is TCP too: stream_is_tcp() */
};

/**
 * Whether HANGUP was emitted. It is emitted again if the peer had closed and the stream fails
 * later.
 */
enum stream_hangup {
	HANGUP_NONE,
	HANGUP_NOTED, /**< will be emitted */
	HANGUP_TOLD,
};

/** Whether DRAIN is to be emitted. */
enum stream_drain {
	DRAIN_NONE,
	/** All was accepted; a handler that subscribes to DRAIN in this turn still gets it. */
	DRAIN_OWED,
	DRAIN_DUE, /**< will be emitted */
};

/**
 * The events that users may subscribe to and emit. STREAM_CONNECTED is internal: connect(2) has
 * ended; emitted once, from the loop.
 */
enum { STREAM_ALL_TAKEN_EVENTS = (1 << 17) - 1, STREAM_CONNECTED = 1 << 17 };

/** For streams that splice to another one, or that another one splices to. */
struct stream_splice {
	struct stream *to; /**< the target of our spliced input; NULL: none */
	struct pipe *pipe; /**< borrowed while bytes that were spliced to us wait in it */
	size_t taken;      /**< bytes that the kernel took from the pipe since the last WRITE */
};

struct stream {
	struct watcher watcher;
	struct loop *loop; /**< NULL until the thread's own loop is needed */
	struct task later; /**< deferred: emits what happened; in line: goes on with its I/O */
	struct stream_splice *splice; /**< NULL: none */
	struct emitter emitter;
	struct chunk *first; /**< the first chunk with waiting bytes */
	/** The last chunk of the ring. WRITE has yet to report the chunks before `first`. */
	struct chunk *last;
	struct stream_clock *clock;
	size_t waiting; /**< bytes in the pipe, which go out first, and in the chunks */
	uint64_t n_read;
	uint64_t n_written;
	uint64_t read_ns;
	uint64_t written_ns;
	union {
		uint64_t stalled_ns; /**< if cause is 0: see stream_stalled_ns() */
		uint64_t cause_ns;   /**< else: when the failure was noticed; no bytes wait then */
	};
	uint32_t high_water;
	uint32_t timeout_ms; /**< 0: none */
	int fd;
	/** The turn in which WRITE or DRAIN was emitted last: stream_tell_progress(). */
	uint16_t told_turn;
	int16_t cause;
	uint8_t pauses; /**< the reasons why it is not read: enum stream_pause; 0: it is */
	enum stream_life life : 3;
	enum stream_kind kind : 2;
	enum stream_hangup hangup : 2;
	enum stream_drain drain : 2;
	bool half_open : 1;
	bool watched : 1;
	bool shared : 1; /**< others may hold the fd: close(2) alone does not end the watch */
	/** This and `writable` (which is set at first): set by an event; cleared by EAGAIN, or by a
	 * short read or write. */
	bool readable : 1;
	bool writable : 1;
	bool no_shortcut : 1;   /**< a short read does not mean that the socket is empty */
	bool no_splice_in : 1;  /**< the kernel does not splice from this fd */
	bool no_splice_out : 1; /**< the kernel does not splice to this fd */
	bool raises : 1;        /**< write(2) to this fd would raise SIGPIPE: sigpipe.h */
	bool ended : 1;         /**< the end of input was read, or the fd has no input */
	/** An event said that the peer has finished; the end may still be unread. */
	bool over : 1;
	bool shut : 1;     /**< nothing more may be written */
	bool graceful : 1; /**< close when no bytes wait any more */
	bool deferred : 1; /**< `later` is on the deferred list */
	bool corked : 1;   /**< the kernel holds back the last bytes, for a FIN to go with them */
	uint32_t read_max : 24; /**< bytes of one READ at most */
	/** connect(2) has returned before the peer has answered (TCP Fast Open), and no FIN was
	 * sent yet. */
	bool early : 1;
};

/*
 * An idle pair costs two of them and a session (session.c). glibc's blocks are multiples of 16
 * bytes, less 8.
 */
static_assert(sizeof(struct stream) <= 168,
	"an idle pair stays below 900 bytes: docs/PERFORMANCE.md, Memory of an idle pair");

/** Whether it has an fd. */
static inline bool stream_has_fd(const struct stream *stream)
{
	return stream->life <= LIFE_FAILED;
}

static inline bool stream_is_socket(const struct stream *stream)
{
	return stream->kind != KIND_FILE;
}

/** The pipe with spliced bytes that wait for this stream; NULL: none. */
static inline struct pipe *stream_pipe(const struct stream *stream)
{
	return stream->splice == NULL ? NULL : stream->splice->pipe;
}

/**
 * Whether the calling thread may touch the stream. Any thread may if the stream has no loop or is
 * NULL.
 */
static inline bool stream_is_current(const struct stream *stream)
{
	return stream == NULL || stream->loop == NULL || loop_is_current(stream->loop);
}

/** Whether the stream is to be read: it has no reason to pause. */
static inline bool stream_reads(const struct stream *stream)
{
	return stream->pauses == 0;
}

/* ---- stream.c, for the others ---- */

/** Keeps the first error, drops the waiting bytes, and defers `later`, in this turn. */
void stream_fail(struct stream *stream, int err);

/**
 * After a failure, when the input is exhausted or nobody wants it: emits ERROR, unless the cause is
 * ECONNRESET or EPIPE, then closes with a reset.
 */
void stream_finish(struct stream *stream);

/* ---- stream_events.c, for the others ---- */

/** Called when the fd is ready. */
void stream_on_ready(struct watcher *watcher, uint32_t events);

/**
 * Emits what has happened since the last time, and goes on writing and reading if that had to wait
 * in line.
 */
void stream_on_later(struct task *task);

/** Gives the stream its loop (the thread's own if none was named) and watches the fd. */
int stream_watch(struct stream *stream);

/** Defers `later`, to emit what happened, in this turn. */
void stream_defer(struct stream *stream);

/** Emits one of the library's own events. */
void stream_tell(struct stream *stream, unsigned type, const void *data, size_t len);

/** Emits READ for bytes that were copied. */
void stream_tell_read(struct stream *stream, const void *data, size_t len, bool is_last);

/* ---- stream_io.c, for the others ---- */

/**
 * Reads while there is input, it is wanted, and the stream has not used up its share of the turn.
 */
void stream_read(struct stream *stream);

/**
 * Writes the waiting bytes, until the kernel accepts no more or the stream has used up its share of
 * the turn.
 */
void stream_flush(struct stream *stream);

/** Sends FIN if stream_shutdown() was called, no bytes wait, and the peer has answered. */
void stream_send_fin(struct stream *stream);

/** Lets the kernel send what it held back for a FIN, since none has come. */
void stream_uncork(struct stream *stream);

/* ---- stream_splice.c, for the others ---- */

/**
 * Splices once from the fd to the target, and emits READ. Returns how many bytes. 0: nothing moved;
 * a copying read will find out why. A negative errno: the socket's error, which the kernel reports
 * only once.
 */
ssize_t stream_splice_in(struct stream *stream);

/** The target of the stream's spliced input; NULL: none. */
static inline struct stream *stream_target(const struct stream *stream)
{
	return stream->splice == NULL ? NULL : stream->splice->to;
}

/**
 * Frees the memory for splicing if it is not needed any more; in any case if the stream has no fd.
 */
void stream_splice_release(struct stream *stream);

/**
 * The most that a copying read may take while there is a target: the room below the target's
 * high-water mark. If no room is left, it is read_max.
 */
size_t stream_splice_room(const struct stream *stream);

/** As write(2), for the bytes in the pipe. Gives the pipe back when it is empty. */
ssize_t stream_splice_out(struct stream *stream);

/**
 * After stream_splice_out() failed with `err`. 0: the kernel merely refuses to splice to this fd,
 * and the bytes of the pipe are now the first chunk. Else a negative errno: -err, -ENOMEM, or why
 * the pipe could not be read.
 */
int stream_splice_spill(struct stream *stream, int err);

/* ---- stream_clock.c, for the others ---- */

/**
 * Makes, restarts or ends the clock, as `timeout_ms` says. The stream fails if there is no memory.
 */
void stream_wind(struct stream *stream);

/* ---- stream_queue.c, for the others ---- */

/** Appends a copy to the waiting bytes; 0 or -ENOMEM. */
int stream_enqueue(struct stream *stream, const char *data, size_t len);

/** Puts a new chunk, all of whose bytes wait, before all others. */
void stream_enqueue_first(struct stream *stream, struct chunk *chunk);

/** The kernel accepted `n` bytes of the first waiting chunk. */
void stream_dequeue(struct stream *stream, size_t n);

/** Whether there are bytes that WRITE has not reported yet. */
bool stream_has_taken(const struct stream *stream);

/** Emits WRITE for the bytes that were accepted until now. */
void stream_tell_taken(struct stream *stream);

/** Frees the waiting bytes, and if the fd is gone, also those that WRITE has not reported. */
void stream_drop_queue(struct stream *stream);

/* ---- for attempt.c ---- */

/**
 * Watches the fd, on which connect(2) is in progress. `ended` is called once, when it has ended.
 */
int stream_await_connect(struct stream *stream, struct handler *ended);

/**
 * How connect(2) ended: 0 or a negative errno. A connection that was made and then reset counts as
 * made; the stream reports the reset.
 */
int stream_connect_status(const struct stream *stream);

#endif
