/* SPDX-License-Identifier: ISC */
/* The inside of a stream, shared by stream.c (life), stream_events.c (what is told), stream_io.c,
 * stream_splice.c (moving bytes), stream_look.c (not moving them yet), stream_queue.c (what waits),
 * stream_clock.c, stream_attributes.c and attempt.c. */
#ifndef WEIR_STREAM_STREAM_PRIVATE_H
#define WEIR_STREAM_STREAM_PRIVATE_H

#include <assert.h>
#include <sys/types.h>

#include "stream/loop.h"
#include "stream/pipe.h"
#include "stream/stream.h"
#include "stream/timer.h"

enum {
	READS_A_TURN = 4, /**< so that one fast stream does not starve the rest */
	/** No further read begins when as much was read; one splice may take more. */
	BYTES_A_TURN = READS_A_TURN * LOOP_BUFFER_BYTES,
	READ_MAX = PIPE_BYTES_MAX, /**< of stream::read_max: one splice takes no more at once */
};
static_assert((int)STREAM_ALL_PAUSES <= UINT8_MAX, "stream::pauses has a bit for each reason");

/**
 * Written bytes, in order: from `told` to `begin` the kernel took them and WRITE has yet to say so,
 * from `begin` to `end` they wait.
 */
struct chunk {
	struct chunk *next; /**< a ring: that of the last is the first */
	size_t told;
	size_t begin;
	size_t end;
	size_t capacity;
	bool lent; /**< to the handlers of WRITE, who must not lose it: then its lender frees it */
	bool dropped;
	char bytes[];
};

/** The stream's own clock; only streams with a timeout have one. */
struct stream_clock {
	struct timer timer;
	struct stream *stream;
	uint64_t restarted_ns; /**< by other things than bytes */
};

/**
 * The life of a stream. What each state may do:
 *
 *			fd	reads	writes	set_loop	tells
 *	CONNECTING	yes	no	no	no		STREAM_CONNECTED
 *	NEW		yes	no	yes	yes		WRITE, DRAIN, TIMEOUT
 *	OPEN		yes	yes	yes	no		all but CLOSE
 *	FAILED		yes	yes	no	no		all but END, CLOSE
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
	LIFE_FAILED, /**< the last that has an fd */
	LIFE_CLOSED,
	LIFE_TOLD,
	LIFE_STOLEN,
	LIFE_FREED,
};

enum stream_kind {
	KIND_FILE, /**< no socket: a pipe, a tty, an eventfd */
	KIND_SOCKET,
	KIND_TCP,
	KIND_MPTCP, /**< Multipath TCP, which is TCP too: stream_is_tcp() */
};

/** A HANGUP, which is emitted again when a stream whose peer had closed fails later. */
enum stream_hangup {
	HANGUP_NONE,
	HANGUP_NOTED, /**< is about to be told */
	HANGUP_TOLD,
};

/** A DRAIN. */
enum stream_drain {
	DRAIN_NONE,
	DRAIN_OWED, /**< all is out, and who subscribes to DRAIN in this turn hears it */
	DRAIN_DUE,  /**< is on its way */
};

/** What users may take and emit; and emitted once, from the loop: connect(2) has ended. */
enum { STREAM_ALL_TAKEN_EVENTS = (1 << 17) - 1, STREAM_CONNECTED = 1 << 17 };

/** What only a stream has that splices, or is spliced to. */
struct stream_splice {
	struct stream *to; /**< where input goes past us; NULL: nowhere */
	struct pipe *pipe; /**< lent while bytes that were spliced to us wait in it */
	size_t taken;      /**< bytes that the kernel took from the pipe since the last WRITE */
};

struct stream {
	struct watcher watcher;
	struct loop *loop;            /**< NULL until the thread's own is needed */
	struct task later;            /**< deferred: tell what happened; next: go on reading */
	struct stream_splice *splice; /**< NULL: none */
	struct emitter emitter;
	struct chunk *first; /**< the first that waits */
	struct chunk *last;  /**< of all; before `first` are those that WRITE has yet to tell */
	struct stream_clock *clock;
	size_t waiting; /**< bytes in the pipe and in the chunks, which go out after it */
	uint64_t n_read;
	uint64_t n_written;
	uint64_t read_ns;
	uint64_t written_ns;
	union {
		uint64_t stalled_ns; /**< without a cause: see stream_stalled_ns() */
		uint64_t cause_ns;   /**< with one: when it was noticed; nothing waits then */
	};
	uint32_t high_water;
	uint32_t timeout_ms; /**< 0: none */
	int fd;
	uint16_t told_turn; /**< in which WRITE or DRAIN were told last: once in each, no more */
	int16_t cause;
	uint8_t pauses; /**< why nothing is read: enum stream_pause; 0: it is */
	enum stream_life life : 3;
	enum stream_kind kind : 2;
	enum stream_hangup hangup : 2;
	enum stream_drain drain : 2;
	bool half_open : 1;
	bool watched : 1;
	bool shared : 1;   /**< others may hold the fd: close(2) alone does not end the watch */
	bool readable : 1; /**< as far as we know: only EAGAIN or a short read clears them */
	bool writable : 1;
	bool no_shortcut : 1;   /**< a short read does not mean that the socket is empty */
	bool no_splice_in : 1;  /**< the kernel does not splice from this fd */
	bool no_splice_out : 1; /**< nor to it */
	bool raises : 1;        /**< write(2) to this fd would raise SIGPIPE: sigpipe.h */
	bool ended : 1;         /**< end of input was read */
	bool over : 1;          /**< the peer has finished, as an event says; maybe unread yet */
	bool shut : 1;          /**< nothing more may be written */
	bool graceful : 1;      /**< close when nothing is left to write */
	bool deferred : 1;      /**< `later` stands on the deferred list */
	bool corked : 1;        /**< the kernel keeps what it took last for a FIN behind it */
	uint32_t read_max;      /**< bytes of one READ at most */
};

/* Two of them and a session (session.c) are what an idle pair costs. Blocks of glibc are multiples
 * of 16 bytes, less 8. */
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

/** The pipe in which spliced bytes wait for it; NULL: none do. */
static inline struct pipe *stream_pipe(const struct stream *stream)
{
	return stream->splice == NULL ? NULL : stream->splice->pipe;
}

/** Whether the calling thread may touch the stream; one without a loop is anybody's, as is NULL. */
static inline bool stream_is_current(const struct stream *stream)
{
	return stream == NULL || stream->loop == NULL || loop_is_current(stream->loop);
}

/** Whether reading is wanted: no reason is against it. */
static inline bool stream_reads(const struct stream *stream)
{
	return stream->pauses == 0;
}

/* ---- stream.c, for the others ---- */

/** Keeps the first error, drops what waits, and lets settling follow in this turn. */
void stream_fail(struct stream *stream, int err);

/** Input is exhausted after a failure, or nobody wants it: ERROR where it is one, then close. */
void stream_finish(struct stream *stream);

/* ---- stream_events.c, for the others ---- */

/** The kernel says that the fd is ready. */
void stream_on_ready(struct watcher *watcher, uint32_t events);

/** Tells what has happened since the last time, and goes on with what had to stand in line. */
void stream_on_later(struct task *task);

/** Gives the stream its loop (the thread's own if none was named) and watches the fd. */
int stream_watch(struct stream *stream);

/** Lets `later` run in this turn, to tell what happened. */
void stream_defer(struct stream *stream);

/** Emits one of our own events. */
void stream_tell(struct stream *stream, unsigned type, const void *data, size_t len);

/** Emits READ of bytes that were copied. */
void stream_tell_read(struct stream *stream, const void *data, size_t len, bool is_last);

/* ---- stream_io.c, for the others ---- */

/** Reads while there is something, it is wanted, and this stream's share of the turn lasts. */
void stream_read(struct stream *stream);

/** Writes what waits, as far as the kernel takes it. */
void stream_flush(struct stream *stream);

/** Sends FIN if it was asked for and nothing waits. */
void stream_send_fin(struct stream *stream);

/** No FIN has come: what was kept for it goes out. */
void stream_uncork(struct stream *stream);

/* ---- stream_splice.c, for stream_io.c ---- */

/**
 * One splice from the fd to its target, and READ: how many bytes. 0: nothing moved, and a copying
 * read finds out why. A negative errno: the socket's error, which the kernel tells only once.
 */
ssize_t stream_splice_in(struct stream *stream);

/** Where its input goes past us; NULL: nowhere. */
static inline struct stream *stream_target(const struct stream *stream)
{
	return stream->splice == NULL ? NULL : stream->splice->to;
}

/** Frees what splicing needs, unless it goes on; at once when the stream has no fd any more. */
void stream_splice_release(struct stream *stream);

/** How much a copying read may take instead: the room below the mark of the target. */
size_t stream_splice_room(const struct stream *stream);

/** As write(2), with what waits in the pipe; gives an empty pipe back. */
ssize_t stream_splice_out(struct stream *stream);

/**
 * After stream_splice_out() failed with `err`: 0 if the kernel just does not splice to this fd;
 * what was in the pipe is then the first chunk. Else a negative errno, that of `err` or -ENOMEM.
 */
int stream_splice_spill(struct stream *stream, int err);

/* ---- stream_clock.c, for the others ---- */

/** Makes, restarts or ends the clock, as `timeout_ns` says. No memory: the stream fails. */
void stream_wind(struct stream *stream);

/* ---- stream_queue.c, for the others ---- */

/** Copies to the end of what waits; 0 or -ENOMEM. */
int stream_enqueue(struct stream *stream, const char *data, size_t len);

/** Puts a new chunk, all of which waits, before all others. */
void stream_enqueue_first(struct stream *stream, struct chunk *chunk);

/** The kernel took `n` bytes of the first chunk that waits. */
void stream_dequeue(struct stream *stream, size_t n);

/** Whether there are bytes that WRITE has yet to tell. */
bool stream_has_taken(const struct stream *stream);

/** Emits WRITE for what was taken until now. */
void stream_tell_taken(struct stream *stream);

/** Frees all that waits, and what WRITE would have told too if the fd is gone. */
void stream_drop_queue(struct stream *stream);

/* ---- for connector.c ---- */

/** Watches the fd, on which connect(2) is under way; `ended` is called once, when it has ended. */
int stream_await_connect(struct stream *stream, struct handler *ended);

/**
 * How connect(2) ended: 0 or a negative errno. A connection that was made and then reset counts as
 * made; the stream will tell.
 */
int stream_connect_status(const struct stream *stream);

#endif
