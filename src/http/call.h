/* SPDX-License-Identifier: ISC */
/*
 * The client side of HTTP/1.1: one request on a connection of its own, and its answer in pieces.
 *
 *	http_call_open() ──▶ head() ──▶ body_piece() ... ──▶ done(0), or done(error) at any time
 */
#ifndef WEIR_HTTP_CALL_H
#define WEIR_HTTP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "proto/http.h"

struct loop;

struct http_call;

/** The address and the texts are copied. */
struct http_call_opts {
	struct loop *loop;
	const struct addr *addr; /**< an address, not a name */
	const char *method;
	const char *target;
	const char *body; /**< JSON; NULL: none */
	/** From http_call_open() to the end of the answer; NS_NEVER: no timeout. */
	uint64_t timeout_ns;
	void *owner;
	/** May be NULL. The head of the answer has come; it stays valid until done(). Must not
	 * close the call. */
	void (*head)(void *owner, const struct http_head *head);
	/** A piece of the body has come, borrowed for the call. Must not close the call. */
	void (*body_piece)(void *owner, const void *bytes, size_t n);
	/** Called once, never from inside http_call_open(). 0: the answer is complete. -ETIMEDOUT.
	 * -EPROTONOSUPPORT: the peer does not speak HTTP. -EBADMSG: its HTTP is malformed.
	 * -ECONNRESET: it closed the connection before the answer was complete. Other errors: it
	 * cannot be connected to, the connection has failed, or memory is short. May close the
	 * call. */
	void (*done)(void *owner, int status);
};

/** NULL and errno on failure. Must be closed, also after done(). */
struct http_call *http_call_open(const struct http_call_opts *opts);

/** Cancels the call if it is in progress and frees. NULL is fine; returns NULL. */
struct http_call *http_call_close(struct http_call *call);

#endif
