/* SPDX-License-Identifier: ISC */
/*
 * queue: wait for a place at a server that has none left.
 *
 *	the first --places	token ──▶ the server's byte: it has a place ──▶ a byte every D
 *	the others, then	silence until the close, which is judged
 *
 * The others are opened when all places are taken (scenario::gate, lane.c). Their close is early
 * before T after the timestamp before the connect, and late from T after the connect was answered.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "load/steady.h"

/* ---- clients that have a place ---- */

static void keep_place(struct conn *conn)
{
	if (run_is_idle(conn->lane->run)) {
		conn_dismiss(conn);
		return;
	}
	conn_send_byte(conn);
	conn_arm_next(conn);
}

static void place_is_taken(struct conn *conn, const char *data, size_t len)
{
	conn_check(conn, data, len, CONN_FILLER);
	if (conn->n_before == 0) {
		conn->n_before = len;
		atomic_fetch_add(&conn->lane->run->n_placed, 1);
	}
}

static void answer(struct conn *conn)
{
	conn_send_byte(conn);
}

/* ---- the scenario ---- */

static const struct script holding_client = {
	.is_lasting = true,
	.opened = steady_begin,
	.struck = keep_place,
	.read = place_is_taken,
};

static const struct script waiting_client = {
	.is_judged = true,
	.is_alone = true,
	.opened = conn_await_close,
};

static const struct script server = {.opened = answer};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	if (is_server) {
		return &server;
	}
	return index < options_busy(options) ? &holding_client : &waiting_client;
}

static struct due due(const struct conn *conn)
{
	return (struct due){conn->open_ns, conn->opened_ns};
}

static bool gate(const struct run *run, uint64_t index)
{
	return index < run->options->places || atomic_load(&run->n_placed) >= run->options->places;
}

static const char *check(const struct options *options)
{
	if (!options->has_serve) {
		return "--serve is missing: the server must send to the connections that it has";
	}
	if (options->places == 0) {
		return "--places is missing: how many connections the server may have, such as "
		       "--places 2";
	}
	if (options->places >= options->n_connections) {
		return "--places leaves no connection to queue; write a smaller number, or more "
		       "--connections";
	}
	return NULL;
}

const struct scenario scenario_queue = {
	.name = "queue",
	.bit = SCENARIO_QUEUE,
	.is_absolute = true,
	.summary = "use up all connections of a server, and wait for the close of the others",
	.description = "The first --places connections use up what the proxy lets its only server "
		       "have, and stay\n"
		       "open. The others are silent and have to queue; their close is expected "
		       "--expect T after\n"
		       "their connect.\n",
	.check = check,
	.script = script,
	.due = due,
	.gate = gate,
};
