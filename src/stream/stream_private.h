/* SPDX-License-Identifier: ISC */
/* The inside of a stream, shared by stream.c (life), stream_attributes.c, stream_io.c,
 * stream_splice.c (moving bytes), stream_queue.c (what waits) and connector.c. */
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
	BYTES_A_TURN = READS_A_TURN * LOOP_BUFFER_BYTES, /**< one splice may take as much at once */
	READ_MAX_BITS = 19,                              /**< of stream::read_max */
};
static_assert((int)STREAM_ALL_PAUSES <= UINT8_MAX, "stream::pauses has a bit for each reason");
static_assert(BYTES_A_TURN < 1 << READ_MAX_BITS, "one read may be the share of a turn");

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

struct stream {
	struct watcher watcher;
	struct loop *loop; /**< NULL until the thread's own is needed */
	struct task later; /**< deferred: tell what happened; next: go on reading */
	union {
		struct task *connecting;  /**< is_connecting: whom to run when it ended */
		struct stream *splice_to; /**< later: where input goes past us */
	};
	struct pipe *pipe; /**< lent while bytes that were spliced to us wait in it */
	struct emitter emitter;
	struct chunk *first; /**< the first that waits */
	struct chunk *last;  /**< of all; before `first` are those that WRITE has yet to tell */
	struct stream_clock *clock;
	size_t waiting; /**< bytes in the pipe and in the chunks, which go out after it */
	uint32_t high_water;
	uint32_t spliced;   /**< bytes that the kernel took from the pipe since the last WRITE */
	uint16_t told_turn; /**< in which WRITE or DRAIN were told last: once in each, no more */
	uint8_t pauses;     /**< why nothing is read: enum stream_pause; 0: it is */
	int fd;
	uint32_t read_max : READ_MAX_BITS;
	bool is_connecting : 1;
	bool half_open : 1;
	bool is_socket : 1;
	bool is_tcp : 1;
	bool watched : 1;
	bool shared : 1; /**< others may hold the fd: close(2) alone does not end the watch */
	bool once_started : 1;
	bool readable : 1; /**< as far as we know: only EAGAIN or a short read clears them */
	bool writable : 1;
	bool no_shortcut : 1;   /**< a short read does not mean that the socket is empty */
	bool no_splice_in : 1;  /**< the kernel does not splice from this fd */
	bool no_splice_out : 1; /**< nor to it */
	bool ended : 1;         /**< end of input was read */
	bool shut : 1;          /**< nothing more may be written */
	bool drain_due : 1;     /**< a DRAIN is on its way */
	bool hung_up : 1;       /**< HANGUP was told, or is about to be */
	bool hangup_told : 1;
	bool graceful : 1; /**< close when nothing is left to write */
	bool deferred : 1; /**< `later` stands on the deferred list */
	bool stolen : 1;
	bool close_told : 1;
	bool freed : 1;
	bool held : 1;       /**< by stream_cleanup(), who frees it then */
	bool drain_owed : 1; /**< all is out, and who subscribes to DRAIN in this turn hears it */
	int16_t cause;
	uint64_t timeout_ns; /**< NS_NEVER: none */
	uint64_t n_read;
	uint64_t n_written;
	uint64_t read_ns;
	uint64_t written_ns;
	union {
		uint64_t stalled_ns; /**< without a cause: see stream_stalled_ns() */
		uint64_t cause_ns;   /**< with one: when it was noticed; nothing waits then */
	};
};

/* Two of them and a session (session.c) are what an idle pair costs. Blocks of glibc are multiples
 * of 16 bytes, less 8. */
static_assert(sizeof(struct stream) <= 184, "an idle pair stays below 1,024 bytes");

/** Whether the calling thread may touch the stream; one without a loop is anybody's. */
static inline bool stream_is_current(const struct stream *stream)
{
	return stream->loop == NULL || loop_is_current(stream->loop);
}

/** Whether reading is wanted: no reason is against it. */
static inline bool stream_reads(const struct stream *stream)
{
	return stream->pauses == 0;
}

/* ---- stream.c, for the others ---- */

/** Gives the stream its loop (the thread's own if none was named) and watches the fd. */
int stream_watch(struct stream *stream);

/** Lets `later` run in this turn, to tell what happened. */
void stream_defer(struct stream *stream);

/** Keeps the first error, drops what waits, and lets settling follow in this turn. */
void stream_fail(struct stream *stream, int err);

/** Input is exhausted after a failure, or nobody wants it: ERROR where it is one, then close. */
void stream_finish(struct stream *stream);

/** Emits one of our own events. */
void stream_tell(struct stream *stream, enum stream_event type, const void *data, size_t len);

/* ---- stream_io.c, for stream.c ---- */

/** Reads while there is something, it is wanted, and this stream's share of the turn lasts. */
void stream_read(struct stream *stream);

/** Writes what waits, as far as the kernel takes it. */
void stream_flush(struct stream *stream);

/** Sends FIN if it was asked for and nothing waits. */
void stream_send_fin(struct stream *stream);

/* ---- stream_splice.c, for stream_io.c ---- */

/**
 * One splice from the fd to its target, and READ: how many bytes. 0: nothing moved, and a copying
 * read finds out why. A negative errno: the socket's error, which the kernel tells only once.
 */
ssize_t stream_splice_in(struct stream *stream);

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

/** Watches the fd, on which connect(2) is under way, and defers `task` when it has ended. */
int stream_await_connect(struct stream *stream, struct task *task);

/**
 * How connect(2) ended: 0 or a negative errno. A connection that was made and then reset counts as
 * made; the stream will tell.
 */
int stream_connect_status(const struct stream *stream);

#endif
