/* SPDX-License-Identifier: ISC */
/*
 * halfclose: one end sends FIN, the other stays silent or keeps sending.
 *
 *	the end that finishes	token or a byte ── FIN ──▶ waits for the close, which is judged
 *	the other end		reads the FIN ──▶ silence, or a byte every D until it is over
 *
 * If the other end is silent, the close is counted from the FIN, or from the other end's last byte
 * if that is later, for the half-close timer. With --every it is counted only from the FIN, for the
 * limit of the whole time that a pair is half-closed. The other end has read a FIN already, so it
 * notices the close only when it sends again.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/scenario.h"
#include "stream/stream.h"

/** How often in the expected time the other end looks whether its mate is over. */
enum { LOOKS = 8 };
#define LOOK_MIN_NS ((uint64_t)10 * NS_PER_MS)
#define LOOK_MAX_NS ((uint64_t)500 * NS_PER_MS)

/* ---- the end that finishes ---- */

static void finish_client(struct conn *conn)
{
	conn_greet(conn);
	conn_shutdown(conn);
	conn_await_close(conn);
}

static void finish_server(struct conn *conn)
{
	conn_shutdown(conn);
	conn_await_close(conn);
}

/* ---- the other end ---- */

static void arm_look(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	uint64_t pause_ns = clock_later(options->expect_ns / LOOKS, LOOK_MIN_NS);

	pause_ns = clock_earlier(pause_ns, LOOK_MAX_NS);
	if (stream_has_ended(conn->stream) && options->every_ns != NS_NEVER) {
		pause_ns = options->every_ns;
	}
	conn_arm(conn, clock_after(clock_ns(), pause_ns));
}

static void other_client(struct conn *conn)
{
	conn_greet(conn);
	arm_look(conn);
}

static void other_server(struct conn *conn)
{
	arm_look(conn);
}

static void other_ended(struct conn *conn)
{
	conn->n_before = stream_bytes_written(conn->stream);
	conn->begin_ns = clock_ns();
	arm_look(conn);
}

static void other_struck(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	const struct conn *mate = conn_mate(conn);
	uint64_t never_ns = clock_after(
		clock_after(conn->open_ns, options_patience_ns(options)), options->wait_ns);

	if (mate == NULL && clock_ns() > never_ns) {
		conn_give_up(conn);
	} else if (mate != NULL && conn_is_over(mate) && options->every_ns == NS_NEVER) {
		conn_dismiss(conn);
	} else if (mate != NULL && clock_ns() > clock_after(never_ns, options->wait_ns)) {
		conn_dismiss(conn);
	} else {
		if (stream_has_ended(conn->stream) && options->every_ns != NS_NEVER) {
			conn_send_byte(conn);
		}
		arm_look(conn);
	}
}

/* ---- the scenario ---- */

static const struct script finishing_client = {.is_judged = true, .opened = finish_client};
static const struct script finishing_server = {.is_judged = true, .opened = finish_server};

static const struct script the_other_client = {
	.is_guarded = true,
	.opened = other_client,
	.struck = other_struck,
	.ended = other_ended,
};

static const struct script the_other_server = {
	.is_guarded = true,
	.opened = other_server,
	.struck = other_struck,
	.ended = other_ended,
};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	bool finishes = is_server == (options->side == SIDE_SERVER);

	(void)index;
	if (is_server) {
		return finishes ? &finishing_server : &the_other_server;
	}
	return finishes ? &finishing_client : &the_other_client;
}

static struct due due(const struct conn *conn)
{
	const struct options *options = conn_options(conn);
	const struct conn *mate = conn_mate(conn);
	bool finishes = conn->is_server == (options->side == SIDE_SERVER);
	const struct conn *finisher = finishes ? conn : mate;
	const struct conn *other = finishes ? mate : conn;
	uint64_t from_ns = finisher == NULL ? 0 : finisher->fin_ns;

	if (options->is_apart && !finishes) {
		return conn->begin_ns == 0 ? (struct due){0, 0}
					   : conn_due_by_other(conn->begin_ns, options);
	}
	if (from_ns != 0 && other != NULL && options->every_ns == NS_NEVER) {
		from_ns = clock_later(from_ns, other->sent_ns);
	}
	return (struct due){from_ns, from_ns};
}

static const char *check(const struct options *options)
{
	if (options->side == SIDE_SERVER && !options->has_serve) {
		return "--side server needs --serve: the server must send the FIN";
	}
	if (options->every_ns != NS_NEVER && !options->has_serve) {
		return "--every needs --serve: the other end must keep sending";
	}
	return NULL;
}

const struct scenario scenario_halfclose = {
	.name = "halfclose",
	.bit = SCENARIO_HALFCLOSE,
	.is_watched = true,
	.summary = "send FIN from one end, and wait for the close",
	.description = "The end that --side names sends FIN. The other end is silent, which tests "
		       "the half-close\n"
		       "timer, or sends a byte every --every D, which tests the limit of the whole "
		       "time. The close\n"
		       "is expected --expect T after the FIN. A reset of the other end before that "
		       "is early.\n",
	.check = check,
	.script = script,
	.due = due,
};
