/* SPDX-License-Identifier: ISC */
/*
 * oneside: one end stops sending, the other keeps sending.
 *
 *	the silent end		token or a byte, or with --mute nothing ──▶ silence until the close
 *	the other end		a byte every D, until the close
 *
 * This is for timers of one side. On both ends the close is counted from the last byte of the
 * silent end. If that never sent, the close is counted from the connect, and lateness from when the
 * server end was accepted, because a proxy that counts from its own connect begins between these
 * two.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/scenario.h"
#include "load/steady.h"

/** From when a close is counted if the other end is in another process (conn_private.h). */
static struct due due_apart(const struct conn *conn)
{
	const struct options *options = conn_options(conn);
	bool is_silent = conn->is_server == (options->side == SIDE_SERVER);
	uint64_t sent_ns = conn->sent_ns;

	if (is_silent && sent_ns != 0) {
		return (struct due){sent_ns, sent_ns};
	}
	if (!is_silent && conn->read_ns != 0) {
		return conn_due_by_other(conn->read_ns, options);
	}
	if (conn->is_server) {
		return conn_due_by_other(conn->open_ns, options);
	}
	return (struct due){conn->open_ns, clock_later(conn->opened_ns, conn->heard_ns)};
}

static struct due due_of_both(const struct conn *conn)
{
	const struct conn *mate = conn_mate(conn);
	const struct conn *client = conn->is_server && mate != NULL ? mate : conn;
	const struct conn *server = conn->is_server ? conn : mate;
	const struct conn *silent = conn_options(conn)->side == SIDE_SERVER ? server : client;
	uint64_t sent_ns = silent == NULL ? 0 : silent->sent_ns;

	if (sent_ns != 0) {
		return (struct due){sent_ns, sent_ns};
	}
	return (struct due){client->open_ns,
		server == NULL ? client->open_ns : clock_later(client->open_ns, server->open_ns)};
}

static struct due due(const struct conn *conn)
{
	return conn_options(conn)->is_apart ? due_apart(conn) : due_of_both(conn);
}

/* ---- the silent end ---- */

static void greet_once(struct conn *conn)
{
	if (!conn_options(conn)->mute) {
		conn_greet(conn);
	}
	conn_await_close(conn);
}

static void answer_once(struct conn *conn)
{
	if (!conn_options(conn)->mute) {
		conn_send_byte(conn);
	}
	conn_await_close(conn);
}

/* ---- the scenario ---- */

static const struct script silent_client = {.is_judged = true, .opened = greet_once};
static const struct script silent_server = {.is_judged = true, .opened = answer_once};

static const struct script other_client = {
	.is_judged = true,
	.opened = steady_begin,
	.struck = steady_next,
};

static const struct script other_server = {
	.is_judged = true,
	.opened = steady_next,
	.struck = steady_next,
};

/** The server end of a client that sends nothing: its own token identifies it. */
static const struct script first_server = {
	.is_judged = true,
	.accepted = steady_begin,
	.struck = steady_next,
};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)index;
	if (options->side == SIDE_SERVER) {
		return is_server ? &silent_server : &other_client;
	}
	return !is_server ? &silent_client : options->mute ? &first_server : &other_server;
}

static const char *check(const struct options *options)
{
	if (!options->has_serve) {
		return "--serve is missing: one end must be silent while the other one sends";
	}
	if (options->every_ns == NS_NEVER) {
		return "--every is missing: the time between two bytes, such as --every 200ms";
	}
	if (options->every_ns >= options->expect_ns) {
		return "--every must be below --expect, or both ends are silent for as long";
	}
	return NULL;
}

const struct scenario scenario_oneside = {
	.name = "oneside",
	.bit = SCENARIO_ONESIDE,
	.summary = "be silent at one end, send from the other, and wait for the close",
	.description = "The end that --side names sends a byte, or with --mute none, and is then "
		       "silent; the other\n"
		       "end sends a byte every --every D. The close is expected --expect T after "
		       "the last byte of\n"
		       "the silent end; if it sent none, after the connect.\n",
	.check = check,
	.script = script,
	.due = due,
};
