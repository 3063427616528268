/* SPDX-License-Identifier: ISC */
/*
 * The answer of GET /connections: in slices (base/slice.h), so that no toxic is late because
 * somebody looks, and no quicker than its reader takes it.
 *
 * It shows the connections that were there when it was asked for, and are there still when their
 * turn comes.
 */
#ifndef WEIR_LAB_CONNECTIONS_H
#define WEIR_LAB_CONNECTIONS_H

struct http_exchange;
struct http_reply;
struct lab;

/** Answers, now and in later turns. */
void connections_answer(
	struct lab *lab, struct http_exchange *exchange, const struct http_reply *reply);

#endif
