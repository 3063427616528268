/* SPDX-License-Identifier: ISC */
/*
 * The answer to GET /connections. It is made in slices (base/slice.h), so that it does not delay
 * toxics, and only as fast as the client reads it.
 *
 * It shows the connections that existed when the request came and still exist when they are
 * written.
 */
#ifndef WEIR_LAB_CONNECTIONS_H
#define WEIR_LAB_CONNECTIONS_H

struct http_exchange;
struct http_reply;
struct lab;
struct proxy;

/**
 * Answers, at once and in later turns of the loop, with the connections of the proxy `only`, or of
 * all proxies if `only` is NULL.
 */
void connections_answer(struct lab *lab, struct proxy *only, struct http_exchange *exchange,
	const struct http_reply *reply);

#endif
