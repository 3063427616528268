/* SPDX-License-Identifier: ISC */
/*
 * One check of one target, from its connect to what it has shown: that it accepts a connection, or
 * that it gives an expected answer to what is sent. It knows neither when it is asked nor what
 * follows: that is check.h.
 *
 *	probe_begin ─▶ connector ─▶ connected ── send, and read ──▶ done(outcome)
 *	                   │            └─ nothing to send or expect ─▶ │
 *	                   └─ failed ─────────────────────────────────▶ │
 *
 * The expected bytes may stand anywhere in the first PROBE_ANSWER_MAX bytes of the answer, in
 * however many segments. What is sent without anything expected has passed when the kernel has
 * taken it.
 *
 * Where its target wants PROXY headers, it is told first that there is no client: by LOCAL, or in
 * version 1, which has no such word, by the addresses of this very connection. So it is, too, where
 * nothing else is sent: the target would miss its header, and complain of each check.
 *
 * However it ends, its TCP connection is reset: so neither side keeps a TIME_WAIT of it.
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
	PROBE_ANSWERED,  /**< passed: the answer has what was expected */
	PROBE_CONNECT_FAILED,
	PROBE_CONNECT_TIMEOUT,
	PROBE_NO_ANSWER,    /**< the expected did not come in time */
	PROBE_WRONG_ANSWER, /**< it is not in the first PROBE_ANSWER_MAX bytes */
	PROBE_ENDED,        /**< the target has sent its FIN before it */
	PROBE_RESET,        /**< the connection has failed before it */
	PROBE_UNJUDGED,     /**< weir lacked fds, memory, a port, or a thread for the lookup */
};

/** What a check has shown. */
struct probe_outcome {
	enum probe_result result;
	int err; /**< of CONNECT_FAILED, RESET, UNJUDGED: negative errno or UV_EAI_*; else 0 */
	const char *answer; /**< what came in place of the expected, n_answer bytes; or NULL */
	size_t n_answer;
};

/** What to ask whom. All is borrowed, and stays until the probe is over. */
struct probe_question {
	struct loop *loop;
	const struct addr *addr;
	struct resolver_name *name;     /**< of addr, if that is a name */
	const struct addr *source;      /**< as in struct connector_opts; may be NULL */
	const struct sockopts *options; /**< the same */
	/**
	 * The fds that all probes together may have: each takes one, and further ones for second
	 * addresses of a name. NULL: as many as there are, and no second addresses.
	 */
	atomic_int *fds;
	enum conf_send_proxy send_proxy; /**< which PROXY header comes first */
	const char *send;
	size_t n_send; /**< 0: nothing */
	const char *expect;
	size_t n_expect; /**< 0: nothing */
};

/** Embedded in its owner; zeroed before the first use. */
struct probe {
	const struct probe_question *question;
	struct connector *connector; /**< while it connects */
	struct stream *stream;       /**< afterwards */
	struct handler heard;        /**< of `stream` */
	char *answer;                /**< PROBE_ANSWER_MAX bytes, once what came was not it */
	size_t n_answer;
	bool has_fd; /**< one of question->fds */
	bool is_under_way;
	/** Once, never from inside probe_begin(), not after probe_cancel(). May free the probe. */
	void (*done)(struct probe *probe, const struct probe_outcome *outcome);
};

/** Begins; probe->done is set. 0, or a negative errno: weir is short of something. */
int probe_begin(struct probe *probe, const struct probe_question *question);

/** Gives up what is under way: done() is not called. Idempotent; fine with one that is zeroed. */
void probe_cancel(struct probe *probe);

/** Its time is over: calls done(). The owner has turned the loop since the deadline, so that what
 * came in time was seen. */
void probe_expire(struct probe *probe);

/** Whether the target has shown that it works. */
static inline bool probe_passed(const struct probe_outcome *outcome)
{
	return outcome->result <= PROBE_ANSWERED;
}

/** The result as a word for the log: "connect_failed". Constant. */
const char *probe_result_name(enum probe_result result);

#endif
