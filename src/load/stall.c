/* SPDX-License-Identifier: ISC */
/*
 * stall: one end stops reading, the other sends until nothing is taken any more.
 *
 *	the sender	floods ──▶ its kernel is full ──▶ waits for the close, which is judged
 *	the stalled	reads nothing ──▶ the sender is over ──▶ reads the rest: FIN or RST?
 *
 * From outside it is not known exactly when the proxy sent its last byte: after the flood began,
 * and not much later than the sender's kernel took its last byte and the stalled end's kernel got
 * its last one. So a close is early before T after the first of these times, and late from T after
 * the later of the other two.
 *
 * Each end looks at its own socket from time to time (SIOCOUTQ, FIONREAD), because the kernel
 * forgets these numbers at the close. What the sender's kernel took, minus what was read and what
 * these two queues hold, is what the proxy holds, including its kernel buffers.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/scenario.h"
#include "stream/stream.h"

enum {
	CHUNK_BYTES = 16 * 1024,
	CHUNKS_A_TURN = 1, /* so that one sender does not delay the others */
	LOOKS = 8,         /* number of looks in the expected time */
};
#define LOOK_MIN_NS ((uint64_t)10 * NS_PER_MS)
#define LOOK_MAX_NS ((uint64_t)200 * NS_PER_MS)

/** How long the stalled end reads the rest at most. */
#define REST_NS ((uint64_t)NS_PER_S)

static void arm_look(struct conn *conn)
{
	uint64_t pause_ns = conn_options(conn)->expect_ns / LOOKS;

	pause_ns = clock_earlier(clock_later(pause_ns, LOOK_MIN_NS), LOOK_MAX_NS);
	conn_arm(conn, clock_after(clock_ns(), pause_ns));
}

/* ---- the sender ---- */

/** When the sender is given up at the latest. */
static uint64_t sender_never_ns(const struct conn *conn, uint64_t since_ns)
{
	return clock_after(since_ns, options_patience_ns(conn_options(conn)));
}

static void flood(struct conn *conn)
{
	static const char chunk[CHUNK_BYTES];

	if (clock_ns() > sender_never_ns(conn, conn->begin_ns)) {
		conn_give_up(conn); /* its bytes are still read, so it never stalls */
		return;
	}
	for (unsigned i = 0; i < CHUNKS_A_TURN && stream_can_write(conn->stream); i++) {
		conn_send(conn, chunk, sizeof(chunk));
	}
	if (stream_can_write(conn->stream)) {
		conn_arm(conn, clock_ns()); /* sends more in the next turn */
	} else {
		arm_look(conn);
	}
}

static void begin_flood(struct conn *conn)
{
	/* At most one chunk waits. */
	stream_set_high_water_mark(conn->stream, 1);
	conn->begin_ns = clock_ns();
	flood(conn);
}

static void greet_and_flood(struct conn *conn)
{
	conn_greet(conn);
	begin_flood(conn);
}

static void look_at_sender(struct conn *conn)
{
	atomic_store(&conn->n_sent, stream_bytes_written(conn->stream));
	atomic_store(&conn->n_queued, stream_unsent(conn->stream));
}

static void sender_struck(struct conn *conn)
{
	if (stream_can_write(conn->stream)) {
		flood(conn);
		return;
	}
	look_at_sender(conn);
	if (clock_ns() > sender_never_ns(conn, stream_written_ns(conn->stream))) {
		conn_give_up(conn);
	} else {
		arm_look(conn);
	}
}

/* ---- the stalled end ---- */

static void stop_reading(struct conn *conn)
{
	stream_stop(conn->stream);
	conn->n_before = stream_bytes_read(conn->stream);
	arm_look(conn);
}

static void greet_and_stop_reading(struct conn *conn)
{
	conn_greet(conn);
	stop_reading(conn);
}

static void read_the_rest(struct conn *conn)
{
	conn->begin_ns = clock_ns();
	conn_arm(conn, clock_after(conn->begin_ns, REST_NS));
	stream_set_read_max(conn->stream, SIZE_MAX);
	if (stream_start(conn->stream) < 0) {
		conn_dismiss(conn);
	}
}

/** Looks at what waits in our socket, and since when nothing has come (tcp(7): TCP_INFO, in
 * milliseconds). */
static void look_at_stalled(struct conn *conn)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	atomic_store(&conn->n_queued, stream_unread(conn->stream));
	if (getsockopt(stream_fd(conn->stream), IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		atomic_store(&conn->moved_ns,
			clock_ns() - (uint64_t)info.tcpi_last_data_recv * NS_PER_MS);
	}
}

static void stalled_struck(struct conn *conn)
{
	const struct options *options = conn_options(conn);
	const struct conn *mate = conn_mate(conn);
	uint64_t lost_ns = clock_after(
		clock_after(conn->open_ns, options_patience_ns(options)), options->wait_ns);

	if (conn->begin_ns != 0) {
		conn_dismiss(conn); /* everything was read, and it was not closed */
	} else if (mate != NULL && conn_is_over(mate)) {
		read_the_rest(conn);
	} else if (mate == NULL && clock_ns() > lost_ns) {
		conn_give_up(conn);
	} else {
		look_at_stalled(conn);
		arm_look(conn);
	}
}

/* ---- the scenario ---- */

static const struct script sending_client = {
	.is_judged = true,
	.opened = greet_and_flood,
	.drained = flood,
	.struck = sender_struck,
};

static const struct script sending_server = {
	.is_judged = true,
	.opened = begin_flood,
	.drained = flood,
	.struck = sender_struck,
};

static const struct script stalled_client = {
	.opened = greet_and_stop_reading,
	.struck = stalled_struck,
};

static const struct script stalled_server = {.opened = stop_reading, .struck = stalled_struck};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	bool stalls = is_server == (options->side == SIDE_SERVER);

	(void)index;
	if (is_server) {
		return stalls ? &stalled_server : &sending_server;
	}
	return stalls ? &stalled_client : &sending_client;
}

static struct due due(const struct conn *conn)
{
	const struct conn *mate = conn_mate(conn);
	uint64_t late_ns = stream_written_ns(conn->stream);

	if (mate != NULL && atomic_load(&mate->moved_ns) > late_ns) {
		late_ns = atomic_load(&mate->moved_ns);
	}
	return (struct due){conn->begin_ns, late_ns};
}

static const char *check(const struct options *options)
{
	if (options->side == SIDE_CLIENT && !options->has_serve) {
		return "--side client needs --serve, because the server must send; or write --side "
		       "server, "
		       "before a server that does not read";
	}
	return NULL;
}

const struct scenario scenario_stall = {
	.name = "stall",
	.bit = SCENARIO_STALL,
	.is_watched = true,
	.summary = "stop reading at one end, send from the other, and wait for the close",
	.description = "The end that --side names stops reading; the other end sends until nothing "
		       "more is taken.\n"
		       "The close is expected --expect T after the last byte was taken. The report "
		       "says how many\n"
		       "bytes were taken until then.\n",
	.check = check,
	.script = script,
	.due = due,
};
