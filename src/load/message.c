/* SPDX-License-Identifier: ISC */
#include "load/message.h"

#include <string.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/run.h"
#include "stream/stream.h"

enum { STAMP_BYTES = sizeof(uint64_t) };

/* ---- the client ---- */

static void send_message(struct conn *conn)
{
	/* The loop's buffer is not in use, because this is called from a timer and not from a
	 * READ. */
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

	conn->next_ns += every_ns;
	if (conn->next_ns < now_ns) {
		conn->next_ns = clock_after(now_ns, every_ns);
	}
	conn_arm(conn, conn->next_ns);
}

void message_begin(struct conn *conn)
{
	/* Without --serve the target echoes everything, so it gets no token. */
	if (conn_options(conn)->has_serve) {
		conn_greet(conn);
	}
	conn->next_ns = clock_ns();
	plan_next(conn);
}

void message_next(struct conn *conn)
{
	/* If the proxy takes nothing, at most the high-water mark waits here. */
	if (stream_can_write(conn->stream)) {
		send_message(conn);
	}
	plan_next(conn);
}

bool message_all_back(const struct conn *conn)
{
	uint64_t token = conn_options(conn)->has_serve ? CONN_TOKEN_BYTES : 0;

	return stream_bytes_read(conn->stream) + token >= stream_bytes_written(conn->stream) &&
	       stream_bytes_waiting(conn->stream) == 0;
}

static void message_is_back(struct conn *conn)
{
	uint64_t max_ns = conn_options(conn)->max_latency_ns;
	struct lane *lane = conn->lane;
	uint64_t now_ns = clock_ns();
	uint64_t took_ns;
	uint64_t own_ns;
	uint64_t sent_ns;

	memcpy(&sent_ns, conn->part, STAMP_BYTES);
	if (sent_ns > now_ns || sent_ns < conn->open_ns) {
		conn->is_garbled = true;
		conn->n_part = 0;
		return;
	}
	took_ns = now_ns - sent_ns;
	own_ns = clock_earlier(lane_delay_ns(lane, now_ns), took_ns);
	hdr_record(&lane->latency, took_ns / NS_PER_US);
	if (took_ns <= max_ns || took_ns - own_ns > max_ns) {
		lane->slowest_ns = clock_later(lane->slowest_ns, took_ns);
	}
	lane->n_received++;
	conn->n_part = 0;
}

void message_read(struct conn *conn, const char *data, size_t len)
{
	size_t size = conn_options(conn)->message_bytes;

	while (len > 0) {
		size_t n = (conn->n_part < STAMP_BYTES ? STAMP_BYTES : size) - conn->n_part;

		n = n < len ? n : len;
		if (conn->n_part < STAMP_BYTES) {
			memcpy(conn->part + conn->n_part, data, n);
		} else {
			conn_check(conn, data, n, '\0');
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

void message_echo(struct conn *conn, const char *data, size_t len)
{
	conn_send(conn, data, len);
	if (!stream_can_write(conn->stream)) {
		stream_stop(conn->stream); /* until the waiting bytes are sent */
	}
}

void message_echo_more(struct conn *conn)
{
	(void)stream_start(conn->stream);
}
