/* SPDX-License-Identifier: ISC */
/*
 * trickle: a byte every D for P, then silence. A close during P is early; the time of one after P
 * is judged. One end sends, or both; the first bytes of the side that sends first are the token.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/scenario.h"

/** Plans the next byte at its time, whatever has happened in between, unless that time is past. */
static void plan_next(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	uint64_t now_ns = clock_ns();

	conn->next_ns += options->every_ns;
	if (conn->next_ns < now_ns) {
		conn->next_ns = clock_after(now_ns, options->every_ns);
	}
	if (conn->next_ns > clock_after(conn->begin_ns, options->for_ns)) {
		conn_await_close(conn);
	} else {
		conn_arm(conn, conn->next_ns);
	}
}

static void begin(struct conn *conn)
{
	conn->begin_ns = clock_ns();
	conn->next_ns = conn->begin_ns;
	conn_keep_sending(conn);
}

/** The end that sends first. */
static void greet_and_trickle(struct conn *conn)
{
	begin(conn);
	conn_greet(conn);
	plan_next(conn);
}

/** The other end, if both send. */
static void answer_and_trickle(struct conn *conn)
{
	begin(conn);
	conn_send_byte(conn);
	plan_next(conn);
}

static void on_struck(struct conn *conn)
{
	conn_send_byte(conn);
	plan_next(conn);
}

static const struct script sending_client = {
	.is_judged = true,
	.opened = greet_and_trickle,
	.struck = on_struck,
};

static const struct script sending_server = {
	.is_judged = true,
	.opened = answer_and_trickle,
	.struck = on_struck,
};

static const struct script first_server = {
	.is_judged = true,
	.accepted = greet_and_trickle,
	.struck = on_struck,
};

static const struct script silent = {.is_judged = true, .opened = conn_await_close};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)index;
	if (is_server) {
		return options->direction == DIRECTION_UP     ? &silent
		       : options->direction == DIRECTION_DOWN ? &first_server
							      : &sending_server;
	}
	return options->direction == DIRECTION_DOWN ? &silent : &sending_client;
}

static const char *check(const struct options *options)
{
	if (options->every_ns == NS_NEVER) {
		return "--every is missing: the time between two bytes, such as --every 200ms";
	}
	if (options->for_ns == NS_NEVER) {
		return "--for is missing: how long bytes are sent, such as --for 10s";
	}
	if (options->every_ns >= options->expect_ns) {
		return "--every must be below --expect, or the close comes between two bytes";
	}
	if (options->direction != DIRECTION_UP && !options->has_serve) {
		return "--direction down and both need --serve: the server must send";
	}
	return NULL;
}

const struct scenario scenario_trickle = {
	.name = "trickle",
	.bit = SCENARIO_TRICKLE,
	.summary = "send a byte from time to time, then be silent, and wait for the close",
	.description =
		"A byte is sent every --every D, for --for P; a close during that time is early. "
		"Then both\n"
		"ends are silent, and the close is expected --expect T after the last byte.\n",
	.check = check,
	.script = script,
};
