/* SPDX-License-Identifier: ISC */
/*
 * One check of one target, from the connect to the result: that the target accepts a connection, or
 * that it sends an expected answer to the bytes that weir sends. When checks are made and what
 * follows from the result is in check.h.
 *
 *	probe_begin ─▶ connector ─▶ connected ── send, and read ──▶ done(outcome)
 *	                   │            └─ nothing to send or expect ─▶ │
 *	                   └─ failed ─────────────────────────────────▶ │
 *
 * The expected bytes may be anywhere in the first PROBE_ANSWER_MAX bytes of the answer, in any
 * number of segments. If bytes are sent and none are expected, the check passes when the kernel has
 * accepted them.
 *
 * If the target expects PROXY headers, weir first sends one that says that there is no client:
 * LOCAL, or in version 1, which has no LOCAL, the addresses of this connection itself. It does so
 * even if nothing else is sent, since the target would log an error for each check without a
 * header.
 *
 * At the end the TCP connection is always reset, so that no TIME_WAIT state remains at either end.
 */
#ifndef WEIR_UPSTREAM_PROBE_H
#define WEIR_UPSTREAM_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "stream/emitter.h"

struct addr;
struct connector;
struct loop;
struct resolver_name;
struct sockopts;
struct stream;

enum { PROBE_ANSWER_MAX = 4096 };

enum probe_result {
	PROBE_CONNECTED, /**< passed: nothing was expected */
	PROBE_ANSWERED,  /**< passed: the answer has the expected bytes */
	PROBE_CONNECT_FAILED,
	PROBE_CONNECT_TIMEOUT,
	PROBE_NO_ANSWER,    /**< the expected bytes did not come in time */
	PROBE_WRONG_ANSWER, /**< they are not in the first PROBE_ANSWER_MAX bytes */
	PROBE_ENDED,        /**< the target sent its FIN before them */
	PROBE_RESET,        /**< the connection failed before them */
	PROBE_UNJUDGED,     /**< weir lacked fds, memory, a port, or a thread for the lookup */
};

/** The result of a check. */
struct probe_outcome {
	enum probe_result result;
	int err; /**< for CONNECT_FAILED, RESET, UNJUDGED: a negative errno or UV_EAI_*; else 0 */
	const char *answer; /**< n_answer bytes that came instead of the expected ones, or NULL */
	size_t n_answer;
};

/** What to send to which target. All of it is borrowed until the probe is over. */
struct probe_question {
	struct loop *loop;
	const struct addr *addr;
	struct resolver_name *name;     /**< the handle of addr, if that is a name */
	const struct addr *source;      /**< as in struct connector_opts; may be NULL */
	const struct sockopts *options; /**< as in struct connector_opts */
	/** How many fds are left for probes. Each probe takes one while it runs, and more for
	 * attempts in parallel to the addresses of a name. NULL: no limit, and no attempts in
	 * parallel. */
	atomic_int *fds;
	enum conf_send_proxy send_proxy; /**< which PROXY header is sent first */
	const char *send;
	size_t n_send; /**< 0: nothing */
	const char *expect;
	size_t n_expect; /**< 0: nothing */
};

/** Embedded in its owner; zero it before the first use. */
struct probe {
	const struct probe_question *question;
	struct connector *connector; /**< while it connects */
	struct stream *stream;       /**< once it is connected */
	struct handler heard;        /**< subscribed to `stream` */
	/** PROBE_ANSWER_MAX bytes. Allocated if the first read does not contain the expected bytes.
	 */
	char *answer;
	size_t n_answer;
	bool has_fd; /**< it has taken one of question->fds */
	bool is_under_way;
	/** Called once, never from inside probe_begin(), not after probe_cancel(). May free the
	 * probe. */
	void (*done)(struct probe *probe, const struct probe_outcome *outcome);
};

/** Begins; set probe->done first. 0, or a negative errno: weir lacks a resource. */
int probe_begin(struct probe *probe, const struct probe_question *question);

/** Cancels the probe: done() is not called. Idempotent; fine on a zeroed one. */
void probe_cancel(struct probe *probe);

/**
 * Ends the probe at its deadline: calls done(). The owner must have run a turn of the loop after
 * the deadline, so that all that came in time was read.
 */
void probe_expire(struct probe *probe);

/** Whether the target has passed the check. */
static inline bool probe_passed(const struct probe_outcome *outcome)
{
	return outcome->result <= PROBE_ANSWERED;
}

/** The name of the result for the log, such as "connect_failed". Constant. */
const char *probe_result_name(enum probe_result result);

#endif
