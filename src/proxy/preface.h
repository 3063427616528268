/* SPDX-License-Identifier: ISC */
/*
 * The first bytes of a client, looked at before anybody reads them.
 *
 *	TCP	they stay in the kernel: one peek each time something has come, and what is consumed
 *		is thrown away there. So whoever relays begins with the client's own first byte
 *	UNIX	the kernel stops a sender of small writes after some 280 of them, so they are taken
 *		into a buffer, of PREFACE_BUFFER_BYTES at most; what is left in it goes out first
 *
 * It knows nothing of what the bytes mean: its owner looks at them, consumes what is not for the
 * server, and says whether it waits for more. What has been looked at wakes nobody again.
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

/** What the owner does. Either may close and free the preface, with its stream. */
struct preface_calls {
	/**
	 * Something has come, and preface_bytes() is all there is; `is_all`: no more will come.
	 * True: it waits for more. False: it does not, and the preface is not touched any more in
	 * this call.
	 */
	bool (*look)(struct preface *preface, bool is_all);
	/** There is no memory for the buffer, or the kernel lets nothing be consumed: -errno. */
	void (*failed)(struct preface *preface, int err);
};

struct preface {
	struct stream *client; /**< borrowed: watched, and not read */
	struct handler input;
	const struct preface_calls *calls; /**< must outlive it */
	uint8_t *buffer;                   /**< UNIX, once something has come */
	struct span bytes;                 /**< what is there and not consumed */
	size_t max;
	bool is_short; /**< TCP: `bytes` are all that waits in the kernel */
};

/** Begins: from the next event on. `max`: never looks at more than so many bytes at once. */
void preface_open(struct preface *preface, struct stream *client, size_t max,
	const struct preface_calls *calls);

/** Looks now, as an event would let it. From an event, a timer or a task. */
void preface_look(struct preface *preface);

/** All that is there, from the first byte that was not consumed. While look() lasts; how many were
 * left, afterwards too. */
struct span preface_bytes(const struct preface *preface);

/** The first `n` of them are not for the server. 0 or a negative errno, after failed(). */
int preface_consume(struct preface *preface, size_t n);

/** Looks no more. What is left in the buffer stays until preface_free(). Idempotent. */
void preface_close(struct preface *preface);

/** UNIX: what was taken, and has to go out first; nothing on TCP. After preface_close(). */
struct span preface_left(const struct preface *preface);

/** Frees the buffer; also of a zeroed one. */
void preface_free(struct preface *preface);

#endif
