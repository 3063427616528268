/* SPDX-License-Identifier: ISC */
/* The inside of a stream, shared by stream.c (life), stream_attributes.c, stream_io.c and
 * stream_splice.c (moving bytes) and connector.c. */
#ifndef WEIR_STREAM_STREAM_PRIVATE_H
#define WEIR_STREAM_STREAM_PRIVATE_H

#include <assert.h>
#include <sys/types.h>

#include "stream/loop.h"
#include "stream/pipe.h"
#include "stream/stream.h"
#include "stream/timer.h"

/** Bytes that the kernel did not take yet, in order. */
struct chunk {
	struct chunk *next;
	size_t begin; /**< what waits is bytes[begin] to bytes[end - 1] */
	size_t end;
	size_t capacity;
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
	struct chunk *first;
	struct chunk *last;
	struct stream_clock *clock;
	size_t waiting; /**< bytes in the pipe and in the chunks, which go out after it */
	uint32_t high_water;
	uint32_t read_max;
	uint32_t taken; /**< bytes that the kernel took since the last WRITE, in this turn */
	int fd;
	int cause;
	bool is_connecting : 1;
	bool half_open : 1;
	bool is_socket : 1;
	bool is_tcp : 1;
	bool watched : 1;
	bool shared : 1;  /**< others may hold the fd: close(2) alone does not end the watch */
	bool started : 1; /**< reading is wanted */
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

/* ---- stream.c, for stream_io.c ---- */

/** Gives the stream its loop (the thread's own if none was named) and watches the fd. */
int stream_watch(struct stream *stream);

/** Lets `later` run in this turn, to tell what happened. */
void stream_defer(struct stream *stream);

/** Keeps the first error, drops what waits, and lets settling follow in this turn. */
void stream_fail(struct stream *stream, int err);

/** Input is exhausted after a failure, or nobody wants it: ERROR where it is one, then close. */
void stream_finish(struct stream *stream);

void stream_emit(struct stream *stream, enum stream_event type, const void *data, size_t len);

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

/** As write(2), with what waits in the pipe; gives an empty pipe back. */
ssize_t stream_splice_out(struct stream *stream);

/**
 * After stream_splice_out() failed with `err`: 0 if the kernel just does not splice to this fd;
 * what was in the pipe is then the first chunk. Else a negative errno, that of `err` or -ENOMEM.
 */
int stream_splice_spill(struct stream *stream, int err);

/* ---- stream_io.c, for stream.c and stream_splice.c ---- */

/** Frees all that waits. */
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
