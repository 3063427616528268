/* SPDX-License-Identifier: ISC */
/*
 * mixed: a busy share exchanges messages while the rest idles out (idle.c).
 *
 * A message begins with the stamp of its sending, 8 bytes, and comes back unchanged. It is sent at
 * its time whether or not the one before has come back, so a proxy that stops for a second shows in
 * every message of that second.
 */
#include <string.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"
#include "stream/stream.h"

enum { STAMP_BYTES = sizeof(uint64_t), MESSAGE_MAX = 65536 };
#define EVERY_DEFAULT_NS ((uint64_t)100 * NS_PER_MS)

/* ---- the busy client ---- */

static void send_message(struct conn *conn)
{
	/* The loop's buffer is free: this is called from its timer, not from a READ. */
	char *message = loop_buffer(conn->lane->loop);
	uint64_t now_ns = clock_ns();

	memset(message, 0, conn_options(conn)->message_bytes);
	memcpy(message, &now_ns, STAMP_BYTES);
	conn_send(conn, message, conn_options(conn)->message_bytes);
}

static void plan_next(struct conn *conn)
{
	uint64_t every_ns = conn_options(conn)->every_ns;
	uint64_t now_ns = clock_ns();

	every_ns = every_ns == NS_NEVER ? EVERY_DEFAULT_NS : every_ns;
	conn->next_ns += every_ns;
	if (conn->next_ns < now_ns) {
		conn->next_ns = clock_after(now_ns, every_ns);
	}
	conn_arm(conn, conn->next_ns);
}

static void busy_opened(struct conn *conn)
{
	/* Without --serve the target echoes, a greeting too: it gets none. */
	if (conn_options(conn)->has_serve) {
		conn_greet(conn);
	}
	conn->next_ns = clock_ns();
	plan_next(conn);
}

static void busy_struck(struct conn *conn)
{
	/* Behind a proxy that takes nothing, at most the high-water mark waits here. */
	if (stream_can_write(conn->stream)) {
		send_message(conn);
	}
	plan_next(conn);
}

static void message_is_back(struct conn *conn)
{
	uint64_t sent_ns;

	memcpy(&sent_ns, conn->part, STAMP_BYTES);
	hdr_record(&conn->lane->latency, (clock_ns() - sent_ns) / NS_PER_US);
	conn->lane->n_received++;
	conn->n_part = 0;
}

static void busy_read(struct conn *conn, const char *data, size_t len)
{
	size_t size = conn_options(conn)->message_bytes;

	while (len > 0) {
		size_t n = (conn->n_part < STAMP_BYTES ? STAMP_BYTES : size) - conn->n_part;

		n = n < len ? n : len;
		if (conn->n_part < STAMP_BYTES) {
			memcpy(conn->part + conn->n_part, data, n);
		}
		conn->n_part += (uint32_t)n;
		data += n;
		len -= n;
		if (conn->n_part == size) {
			message_is_back(conn);
		}
	}
}

/* ---- its server ---- */

static void echo(struct conn *conn, const char *data, size_t len)
{
	if (!stream_can_write(conn->stream)) {
		conn_dismiss(conn); /* the other side sends and does not read */
		return;
	}
	conn_send(conn, data, len);
}

/* ---- the scenario ---- */

static const struct script busy_client = {
	.is_lasting = true,
	.opened = busy_opened,
	.struck = busy_struck,
	.read = busy_read,
};

static const struct script busy_server = {.read = echo};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	if (index < options_busy(options)) {
		return is_server ? &busy_server : &busy_client;
	}
	return scenario_idle.script(options, is_server, index);
}

static const char *check(const struct options *options)
{
	if (options_busy(options) == options->n_connections) {
		return "--busy leaves no connection to idle out; write a smaller share, or more "
		       "--connections";
	}
	return NULL;
}

const struct scenario scenario_mixed = {
	.name = "mixed",
	.bit = SCENARIO_MIXED,
	.summary = "exchange messages on a few connections while the rest idles out",
	.description = "The --busy share sends a message of --size bytes --every D and waits for "
		       "its echo; the\n"
		       "rest does what idle does. Measured are both: the closes, and the busy "
		       "share's latency\n"
		       "meanwhile. Without --serve the target must echo.\n",
	.check = check,
	.script = script,
};
