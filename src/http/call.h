/* SPDX-License-Identifier: ISC */
/*
 * The asking end of HTTP/1.1: one request on a connection of its own, and its answer as it comes.
 *
 *	http_call_open() ──▶ head() ──▶ body() ... ──▶ done(0), or done(error) at any time
 */
#ifndef WEIR_HTTP_CALL_H
#define WEIR_HTTP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "proto/http.h"

struct loop;

struct http_call;

struct http_call_opts {
	struct loop *loop;
	const struct addr *addr; /**< an address, no name */
	const char *method;
	const char *target;
	const char *body; /**< JSON, copied; NULL: none */
	/** From the opening on, for the whole answer; NS_NEVER: none. */
	uint64_t timeout_ns;
	void *owner;
	/** May be NULL. The head, which is there until done(). */
	void (*head)(void *owner, const struct http_head *head);
	/** A piece of the body, borrowed for the call. Must not close the call. */
	void (*body_piece)(void *owner, const void *bytes, size_t n);
	/**
	 * Once, and never from inside http_call_open(). 0: the answer is complete. -ETIMEDOUT;
	 * -EPROTONOSUPPORT: what answers speaks no HTTP; -EBADMSG: it does it wrongly; -ECONNRESET:
	 * it ended before its answer did; or why it cannot be connected to. May close the call.
	 */
	void (*done)(void *owner, int status);
};

/** NULL and errno. To be closed also after done(). */
struct http_call *http_call_open(const struct http_call_opts *opts);

/** Gives up what is under way. NULL is fine; returns NULL. */
struct http_call *http_call_close(struct http_call *call);

#endif
