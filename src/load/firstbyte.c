/* SPDX-License-Identifier: ISC */
/*
 * firstbyte: clients that send nothing, whatever the server sends.
 *
 *	clients		silence until the close, which is judged
 *	those of --busy	silence ── a byte at half of T ──▶ stays open until the others are over
 *	servers		token ──▶ silence, or with --every a byte every D
 *
 * The clients of --busy, which send in time, show whether the proxy has a first-byte timer or just
 * cuts every pair. The close is early before T after the timestamp before the connect. Lateness
 * counts from when the server end was accepted, because a proxy that counts from its own connect
 * begins between these two.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "stream/stream.h"

/** How often a client of --busy looks whether all others are over. */
#define LOOK_NS ((uint64_t)20 * NS_PER_MS)

static struct due due(const struct conn *conn)
{
	const struct conn *server = conn_mate(conn);
	uint64_t relayed_ns = clock_later(conn->opened_ns, conn->heard_ns);

	if (server != NULL && conn_is_seen(server)) {
		relayed_ns = clock_later(conn->opened_ns, server->open_ns);
	}
	return (struct due){conn->open_ns, relayed_ns};
}

/* ---- the client ---- */

static void speak_in_time(struct conn *conn)
{
	conn_arm(conn, clock_after(conn->opened_ns, conn_options(conn)->expect_ns / 2));
}

static void spoke_struck(struct conn *conn)
{
	if (conn->sent_ns == 0) {
		conn_send_byte(conn);
	} else if (run_is_idle(conn->lane->run)) {
		conn_dismiss(conn);
		return;
	}
	conn_arm(conn, clock_after(clock_ns(), LOOK_NS));
}

/* ---- the server end: it does not know its client ---- */

static void go_on(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	uint64_t patience_ns = clock_after(options_patience_ns(options), options->wait_ns);

	if (clock_ns() > clock_after(conn->open_ns, patience_ns)) {
		conn_dismiss(conn);
	} else {
		conn_send_byte(conn);
		conn_arm_next(conn);
	}
}

static void greet(struct conn *conn)
{
	const struct options *options = conn_options(conn);

	conn_greet(conn);
	if (options->every_ns != NS_NEVER) {
		conn_arm_next(conn);
	}
}

/* ---- the scenario ---- */

static const struct script silent_client = {.is_judged = true, .opened = conn_await_close};

static const struct script talking_client = {
	.is_lasting = true,
	.opened = speak_in_time,
	.struck = spoke_struck,
};

static const struct script first_server = {.accepted = greet, .struck = go_on};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	if (is_server) {
		return &first_server;
	}
	return index < options_busy(options) ? &talking_client : &silent_client;
}

static const char *check(const struct options *options)
{
	if (!options->has_serve) {
		return "--serve is missing: the server must send first; without one, see idle "
		       "--silent";
	}
	if (options_busy(options) == options->n_connections) {
		return "--busy leaves no connection to be silent; write a smaller share, or more "
		       "--connections";
	}
	return NULL;
}

const struct scenario scenario_firstbyte = {
	.name = "firstbyte",
	.bit = SCENARIO_FIRSTBYTE,
	.is_absolute = true,
	.summary = "send only from the server, and wait for the close",
	.description = "Clients send nothing. The server sends a greeting, and with --every more "
		       "bytes. The close is\n"
		       "expected --expect T after the connect. The --busy share sends a byte at "
		       "half of that time,\n"
		       "and must stay open until the others are closed.\n",
	.check = check,
	.script = script,
	.due = due,
};
