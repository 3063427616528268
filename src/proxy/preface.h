/* SPDX-License-Identifier: ISC */
/*
 * Looks at the first bytes of a client before they are relayed.
 *
 *	TCP	The bytes stay in the kernel: there is one recv with MSG_PEEK each time some have
 *		arrived, and consumed bytes are discarded in the kernel. So relaying begins with
 *		the first byte that is for the server.
 *	UNIX	The kernel stops a sender of small writes after some 280 of them. So the bytes are
 *		read into a buffer of at most PREFACE_BUFFER_BYTES; what is left in it is sent to
 *		the server first.
 *
 * A preface does not know what the bytes mean. Its owner examines them, consumes those that are not
 * for the server, and says whether it waits for more. look() is called again only when further
 * bytes or the FIN arrive.
 */
#ifndef WEIR_PROXY_PREFACE_H
#define WEIR_PROXY_PREFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/span.h"
#include "stream/stream.h"

enum { PREFACE_BUFFER_BYTES = 16 * 1024 };

struct preface;

/** Callbacks to the owner. Both may close and free the preface and its stream. */
struct preface_calls {
	/**
	 * Bytes have arrived, or the client's FIN; preface_bytes() returns all bytes that are
	 * there, perhaps none. `is_all`: no more will arrive. Returns whether the owner waits for
	 * more. After false the preface is not touched any more in this call.
	 */
	bool (*look)(struct preface *preface, bool is_all);
	/** There is no memory for the buffer, or bytes could not be removed from the kernel. `err`
	 * is a negative errno. */
	void (*failed)(struct preface *preface, int err);
};

struct preface {
	struct stream *client; /**< borrowed; watched, but not read */
	struct handler input;
	const struct preface_calls *calls; /**< borrowed; must outlive the preface */
	uint8_t *buffer;                   /**< UNIX: allocated when the first byte arrives */
	struct span bytes;                 /**< what has arrived and was not consumed */
	size_t max;
	bool is_short; /**< TCP: the kernel has no more than `bytes` */
};

/** Begins to look, at the next event. It never looks at more than `max` bytes at once. */
void preface_open(struct preface *preface, struct stream *client, size_t max,
	const struct preface_calls *calls);

/** Looks now, as if an event had come. Call it from an event, a timer or a task. */
void preface_look(struct preface *preface);

/** All bytes that have arrived and were not consumed. They are valid only during look(); their
 * number stays valid afterwards. */
struct span preface_bytes(const struct preface *preface);

/** Consumes the first `n` of these bytes, which are not for the server. 0, or a negative errno
 * after failed() was called. */
int preface_consume(struct preface *preface, size_t n);

/** Stops looking. What is left in the buffer stays until preface_free(). Idempotent. */
void preface_close(struct preface *preface);

/** UNIX: the bytes that were read and not consumed, which must be sent to the server first. Empty
 * on TCP. Call it after preface_close(). */
struct span preface_left(const struct preface *preface);

/** Frees the buffer. Also on a zeroed preface. */
void preface_free(struct preface *preface);

#endif
