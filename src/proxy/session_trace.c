/* SPDX-License-Identifier: ISC */
/*
 * Probes for tracers (session_private.h): places in the program that bpftrace, perf or SystemTap
 * can watch while it runs (USDT). Each is one no-operation instruction, and a note in the binary
 * with the address of the instruction and of its arguments. Nothing is computed for a probe, so
 * arguments are only values that exist anyway.
 *
 *	probe			arg0	arg1		arg2		arg3		arg4	arg5
 *	weir:pair_open		id	listener	server		accepted
 *	weir:pair_close		id	listener	by		reason		up	down
 *	weir:timer_strike	id	listener	timer		late
 *
 * `id` is the log's pair=. `listener`, `server` (as written in the config), `by`, `reason` and
 * `timer` are addresses of texts; `accepted` is CLOCK_MONOTONIC in ns, `late` is ns, `up` and
 * `down` are bytes. pair_close comes for each closing line, so also for clients that were never
 * paired. If the line has timer=, timer_strike comes right before pair_close.
 */
#include <sys/sdt.h>

#include "proxy/offer.h"
#include "proxy/session_private.h"

void session_trace_open(const struct session *session)
{
	const char *server = session->member->text;

	DTRACE_PROBE4(weir, pair_open, session->id, session->terms->offer->name, server,
		session->clock.accepted_ns);
}

void session_trace_close(const struct session *session)
{
	const struct end *end = &session->end;
	const char *listener = session->terms->offer->name;

	if (end->timer != DEADLINE_NONE) {
		DTRACE_PROBE4(weir, timer_strike, session->id, listener, deadline_name(end->timer),
			end->late_ns);
	}
	DTRACE_PROBE6(weir, pair_close, session->id, listener, end_by_name(end->by),
		end_reason_name(end->reason), pair_bytes(&session->pair, SIDE_CLIENT),
		pair_bytes(&session->pair, SIDE_UPSTREAM));
}
