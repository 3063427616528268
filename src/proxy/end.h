/* SPDX-License-Identifier: ISC */
/*
 * How a session ended, in the words that the log, the counters and the tests use: by whom, for what
 * reason, and which timer struck. Every session has exactly one.
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
	END_RESET, /**< by the side that reset */
	END_LOST,  /**< by the side whose host or network is gone */
	END_IDLE,
	END_HALF_CLOSE, /**< inactivity after the first FIN, or its cap */
	END_WRITE_STALL,
	END_FIRST_BYTE,
	END_IDLE_CLIENT,
	END_IDLE_UPSTREAM,
	END_LIFETIME,
	END_CONNECT_TIMEOUT,
	END_CONNECT_FAILED,
	END_PREFACE,     /**< the first bytes of the client did not come in time */
	END_BAD_PREFACE, /**< or are not what they must be */
	END_NO_SERVER,   /**< none of the upstream is usable */
	END_QUEUE,       /**< all were full, too long */
	END_QUEUE_FULL,  /**< and too many waited already */
	END_DRAIN,
	END_SERVER_DOWN, /**< on_down is "end", and the server is down or gone */
	END_ACCESS,      /**< a reload denies the client of an open pair */
	END_ADMIN,       /**< an administrator said so */
	END_NO_ROUTE, /**< no route takes the client, and the listener has no upstream of its own */
	END_DENIED,   /**< the lists of access do not let the client in */
	END_SOURCE_LIMIT, /**< its source has as many pairs as it may */
	END_RATE,         /**< its source came too often */
	END_LIMIT,        /**< out of fds, memory or ports after accept */
	END_ERROR,        /**< any other errno */
	END_REASONS,
};

struct end {
	uint64_t late_ns; /**< how late the timer struck; only with a timer */
	int err;          /**< 0, a negative errno or UV_EAI_* */
	enum end_by by : 8;
	enum end_reason reason : 8;
	enum deadline_kind timer : 8; /**< DEADLINE_NONE: no timer struck */
};

const char *end_by_name(enum end_by by);
const char *end_reason_name(enum end_reason reason);

/** Whether a pair that ends so failed, and an operator has something to mend. */
bool end_is_failure(enum end_reason reason);

/**
 * Whether a client that ends so was not let in: it can be made to happen as often as a stranger
 * likes, and is no failure of anything.
 */
bool end_is_refusal(enum end_reason reason);

/** Whether weir or the machine ran out of fds, memory or watches: no other server would help. */
bool end_is_shortage(int err);

/** The end when both sides have finished, this one first. */
struct end end_by_fins(enum pair_side first);

/** The end that a struck timer makes. */
struct end end_by_timer(enum deadline_kind timer, uint64_t late_ns);

/** The end that a failed stream of `side` makes: its reset, its loss, or an error of weir's own. */
struct end end_by_failure(enum pair_side side, int err);

/** The end that weir makes for a reason that is not a timer's, nor a failure's. */
struct end end_by_weir(enum end_reason reason);

/** The end when no server is usable. */
struct end end_without_server(void);

/** The end when its server is down, or gone, and on_down is "end". */
struct end end_with_server(void);

/** The end when all servers are full and so is the queue. */
struct end end_by_full_queue(void);

/** The end when connecting failed; `timed_out`: by the connect timer. */
struct end end_by_connect(int err, bool timed_out, uint64_t late_ns);

#endif
