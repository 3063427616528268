/* SPDX-License-Identifier: ISC */
/*
 * drain: does a graceful stop cut live streams?
 *
 *	live streams	messages ── the drain begins ── for P more ──▶ all are back ──▶ FIN ──▶ FIN
 *	the others	token ──▶ silence ── the drain begins ──▶ the close, which is judged
 *
 * A live stream that is closed before it has finished was cut. That is allowed from --expect T
 * after the beginning of the drain; without --expect, never. The others may be closed as soon as
 * the drain begins, and are late from T on. A close before the drain begins is early.
 *
 * The drain begins by a command (drain_run.h), just before which the timestamp is taken.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/message.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "stream/stream.h"

#define LOOK_NS ((uint64_t)10 * NS_PER_MS)

static bool is_live(const struct options *options, uint32_t index)
{
	return index < options_live(options);
}

/** When the drain began; before that, any close is early. */
static uint64_t begun_ns(const struct conn *conn)
{
	uint64_t go_ns = atomic_load(&conn->lane->run->go_ns);

	return go_ns == NS_NEVER ? clock_ns() + 1 : go_ns;
}

static struct due due(const struct conn *conn)
{
	uint64_t drain_ns = begun_ns(conn);

	return (struct due){drain_ns, drain_ns};
}

/* ---- a live client ---- */

static void live_opened(struct conn *conn)
{
	if (options_measures(conn_options(conn))) {
		conn_keep_sending(conn); /* any close is too early */
	}
	message_begin(conn);
}

static void live_struck(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	uint64_t end_ns = clock_after(begun_ns(conn), options->for_ns);

	if (clock_ns() < end_ns) {
		message_next(conn);
	} else if (clock_ns() > clock_after(end_ns, options->wait_ns)) {
		conn_give_up(conn);
	} else {
		if (message_all_back(conn) && conn->fin_ns == 0) {
			conn_shutdown(conn);
		}
		conn_arm(conn, clock_after(clock_ns(), LOOK_NS));
	}
}

static void live_ended(struct conn *conn)
{
	conn->is_finished = conn->fin_ns != 0;
	conn_finish(conn, CONN_END_FIN, 0);
}

static void live_server_ended(struct conn *conn)
{
	stream_close_gracefully(conn->stream); /* CLOSE follows */
}

/* ---- the others ---- */

static void idle_opened(struct conn *conn)
{
	conn_greet(conn);
	conn_await_close(conn);
}

/* ---- the scenario ---- */

static const struct script live_client = {
	.is_judged = true,
	.is_live = true,
	.opened = live_opened,
	.struck = live_struck,
	.read = message_read,
	.ended = live_ended,
};

static const struct script live_server = {
	.read = message_echo,
	.drained = message_echo_more,
	.ended = live_server_ended,
};

static const struct script idle_client = {
	.is_judged = true,
	.is_free = true,
	.opened = idle_opened,
};
static const struct script idle_server = {0};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	if (is_live(options, index)) {
		return is_server ? &live_server : &live_client;
	}
	return is_server ? &idle_server : &idle_client;
}

static const char *check(const struct options *options)
{
	if (options->drain_command == NULL || *options->drain_command == '\0') {
		return "--drain-command is missing: the command that begins the drain, such as "
		       "--drain-command 'systemctl stop --no-block weir'";
	}
	return NULL;
}

const struct scenario scenario_drain = {
	.name = "drain",
	.bit = SCENARIO_DRAIN,
	.is_absolute = true,
	.summary = "stop the proxy, and see whether it cuts off streams that are in use",
	.description = "The --busy share exchanges messages, the others are silent. When all have "
		       "been open for\n"
		       "--after T, a command begins the drain. Busy connections go on for --for P, "
		       "send FIN, and\n"
		       "wait for the server's FIN. If one is closed before that, it was cut off: "
		       "without --expect T\n"
		       "that is early, with it only if T has not passed since the drain began. The "
		       "others may be\n"
		       "closed as soon as the drain begins, and are late after T. During the "
		       "drain, new connections\n"
		       "are tried and counted.\n",
	.check = check,
	.script = script,
	.due = due,
};
