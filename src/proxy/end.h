/* SPDX-License-Identifier: ISC */
/*
 * How a session ended: by whom, for what reason, and which timer expired. The log, the counters and
 * the tests use the same words. Every session has exactly one end.
 */
#ifndef WEIR_PROXY_END_H
#define WEIR_PROXY_END_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/deadline.h"
#include "proxy/side.h"

enum end_by {
	END_BY_CLIENT,
	END_BY_UPSTREAM,
	END_BY_WEIR,
	END_BYS,
};

enum end_reason {
	END_EOF,   /**< both sides finished */
	END_RESET, /**< the side in `by` has reset its connection */
	END_LOST,  /**< the host or network of the side in `by` is gone */
	END_IDLE,
	END_HALF_CLOSE, /**< no activity after the first FIN, or half_close_max is over */
	END_WRITE_STALL,
	END_FIRST_BYTE,
	END_IDLE_CLIENT,
	END_IDLE_UPSTREAM,
	END_LIFETIME,
	END_CONNECT_TIMEOUT,
	END_CONNECT_FAILED,
	END_PREFACE,     /**< the first bytes of the client did not come in time */
	END_BAD_PREFACE, /**< the first bytes of the client are not what they must be */
	END_NO_SERVER,   /**< no server of the upstream is usable */
	END_QUEUE,       /**< all servers were full, or DNS had found none, for too long */
	END_QUEUE_FULL,  /**< it would have to wait in the queue, and that was full */
	END_DRAIN,
	END_SERVER_DOWN, /**< on_down is "end", and the server is down or removed */
	END_ACCESS,      /**< the access lists of a reload deny the client of an open pair */
	END_ADMIN,       /**< an administrator ended it */
	END_NO_ROUTE, /**< no route fits the client, and the listener has no upstream of its own */
	END_DENIED,   /**< the access lists do not admit the client */
	END_SOURCE_LIMIT, /**< the client's source already has max_pairs_per_source pairs */
	END_RATE,         /**< the client's source connected too often */
	END_LIMIT,        /**< out of fds, memory, watches or ports after accept */
	END_ERROR,        /**< any other errno */
	END_REASONS,
};

struct end {
	uint64_t late_ns; /**< how late the timer expired; only if there is a timer */
	int err;          /**< 0, a negative errno or UV_EAI_* */
	enum end_by by : 8;
	enum end_reason reason : 8;
	enum deadline_kind timer : 8; /**< DEADLINE_NONE: no timer expired */
};

const char *end_by_name(enum end_by by);
const char *end_reason_name(enum end_reason reason);

/** Whether this reason is a failure that an operator should look into. */
bool end_is_failure(enum end_reason reason);

/**
 * Whether this reason means that the client was refused. Any stranger can cause that as often as it
 * likes, so it is not a failure.
 */
bool end_is_refusal(enum end_reason reason);

/** Whether weir or the machine ran out of fds, memory or watches, so that trying another server is
 * useless. */
bool end_is_shortage(int err);

/** The end when both sides have sent their FIN, `first` before the other. */
struct end end_by_fins(enum pair_side first);

/** The end by a timer that has expired. */
struct end end_by_timer(enum deadline_kind timer, uint64_t late_ns);

/** The end by a failed stream of `side`: its reset, its loss, or an error of weir's own. */
struct end end_by_failure(enum pair_side side, int err);

/** The end because weir itself has failed with `err`, which says nothing about a peer. */
struct end end_by_own_failure(int err);

/** The end by weir for a reason that is neither a timer nor a failed stream. */
struct end end_by_weir(enum end_reason reason);

/** The end when no server is usable. */
struct end end_without_server(void);

/** The end when the server is down or removed, and on_down is "end". */
struct end end_with_server(void);

/** The end when the client would have to wait in the queue, and that is full. */
struct end end_by_full_queue(void);

/** The end when connecting failed; `timed_out`: because the connect timer expired. */
struct end end_by_connect(int err, bool timed_out, uint64_t late_ns);

#endif
