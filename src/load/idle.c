/* SPDX-License-Identifier: ISC */
/*
 * idle: send something, be silent, wait for the close.
 *
 *	opened ── greet ──▶ silence
 *	opened ── greet ──▶ a byte now and then, until all are open ──▶ last byte ──▶ silence
 *
 * The second line is for --spread.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/scenario.h"

/** How many bytes keep a connection alive in each expected time until all are open. */
enum { KEEP_ALIVES = 3 };

static void arm_next(struct conn *conn)
{
	uint64_t keep_ns = clock_after(clock_ns(), conn_options(conn)->expect_ns / KEEP_ALIVES);
	uint64_t go_ns = conn_go_ns(conn);

	conn_arm(conn, keep_ns < go_ns ? keep_ns : go_ns);
}

static void client_opened(struct conn *conn)
{
	if (conn_options(conn)->silent) {
		conn_await_close(conn);
		return;
	}
	if (conn_options(conn)->spread_ns == NS_NEVER) {
		conn_greet(conn);
		conn_await_close(conn);
		return;
	}
	conn_keep_sending(conn);
	conn_greet(conn);
	arm_next(conn);
}

static void client_go(struct conn *conn)
{
	uint64_t go_ns = conn_go_ns(conn);

	/* Each connection keeps its own pace. If all began anew, their next bytes would be due at
	 * the same moment, and the last bytes after them would be late and all at once. */
	if (!conn->is_awaiting && go_ns < conn->timer.deadline_ns) {
		conn_arm(conn, go_ns);
	}
}

static void client_struck(struct conn *conn)
{
	conn_send_byte(conn);
	if (clock_ns() < conn_go_ns(conn)) {
		arm_next(conn);
	} else {
		conn_await_close(conn);
	}
}

static const struct script client = {
	.is_judged = true,
	.opened = client_opened,
	.go = client_go,
	.struck = client_struck,
};

static const struct script server = {.is_judged = true, .opened = conn_await_close};

/* With --silent it is not known since when a server end is idle, so its closes are reported but not
 * judged. */
static const struct script silent_server = {.is_judged = false};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)index;
	if (!is_server) {
		return &client;
	}
	return options->silent ? &silent_server : &server;
}

static const char *check(const struct options *options)
{
	if (options->silent && options->spread_ns != NS_NEVER) {
		return "--silent with --spread: a silent client has no last byte; leave one of "
		       "them "
		       "out";
	}
	return NULL;
}

const struct scenario scenario_idle = {
	.name = "idle",
	.bit = SCENARIO_IDLE,
	.summary = "send a byte, be silent, and wait for the close",
	.description = "Each connection sends one byte (with --serve a token of 8 bytes), and is "
		       "then silent. The\n"
		       "close is expected --expect T after the moment just before its last send.\n",
	.check = check,
	.script = script,
};
