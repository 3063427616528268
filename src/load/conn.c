/* SPDX-License-Identifier: ISC */
/*
 * The happy path of a client: conn_open() → the connector → on_connected() → script->opened(),
 * which sends → silence → on_event() hears END or CLOSE → conn_finish() stamps, judges, lets go →
 * the lane closes. A server end begins with conn_accept(), reads the token (conn_token.c), and goes
 * on likewise.
 *
 * What may go wrong: the connect fails (FAILED), the close comes at the wrong time, or not at all
 * (NEVER). For the last case the connection's one timer, which first paces the sends, then waits.
 */
#include "load/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "load/conn_private.h"
#include "load/run.h"
#include "load/scenario.h"
#include "stream/connector.h"
#include "stream/stream.h"

static uint64_t load(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_acquire);
}

static void store(_Atomic uint64_t *number, uint64_t value)
{
	atomic_store_explicit(number, value, memory_order_release);
}

const struct options *conn_options(const struct conn *conn)
{
	return conn->lane->run->options;
}

uint32_t conn_index(const struct conn *conn)
{
	const struct run *run = conn->lane->run;

	return (uint32_t)(conn - (conn->is_server ? run->servers : run->clients));
}

struct conn *conn_mate(const struct conn *conn)
{
	return atomic_load_explicit(&conn->mate, memory_order_acquire);
}

bool conn_is_over(const struct conn *conn)
{
	return load(&conn->over_ns) != 0;
}

static void set(_Atomic bool *flag, bool value)
{
	atomic_store_explicit(flag, value, memory_order_release);
}

/* ---- the end ---- */

void conn_close(struct conn *conn)
{
	conn->stream = stream_free(conn->stream);
}

/** Frees everything but the results. */
static void conn_release(struct conn *conn, uint64_t now_ns)
{
	struct run *run = conn->lane->run;

	if (conn->state == CONN_CONNECTING) {
		conn->connector = connector_close(conn->connector);
	} else {
		store(&conn->n_sent, stream_bytes_written(conn->stream));
		conn->n_read = stream_bytes_read(conn->stream);
		if (conn->end == CONN_END_FIN) {
			stream_off(conn->stream, &conn->handler);
			lane_close_later(conn->lane, conn);
		} else {
			conn_close(conn);
		}
	}
	timer_close(&conn->timer);
	conn->state = CONN_OVER;
	set(&conn->is_sending, false);
	store(&conn->over_ns, now_ns);
	if (atomic_exchange(&conn->is_awaited, true)) {
		atomic_fetch_sub(&run->n_awaited, 1);
	}
	atomic_fetch_add(conn->is_server ? &run->n_servers_over : &run->n_over, 1);
}

/** When the close was read. A failure is only reported at the end of the turn that notices it. */
static uint64_t conn_end_ns(const struct conn *conn, enum conn_end end)
{
	bool has_failed = conn->state == CONN_OPEN && stream_cause_ns(conn->stream) != 0;

	return has_failed && end != CONN_END_OURS ? stream_cause_ns(conn->stream) : clock_ns();
}

/** Whether an end belongs to this run. A server end does if a token has shown it. If the server
 * ends send the tokens, and clients in another process read them, it cannot be known here, and is
 * assumed. */
static bool is_of_this_run(const struct conn *conn)
{
	const struct options *options = conn_options(conn);

	return !conn->is_server || conn_mate(conn) != NULL ||
	       (options->is_apart && conn_server_is_first(options));
}

static void conn_end(struct conn *conn, enum conn_end end, int error, enum verdict verdict)
{
	struct run *run = conn->lane->run;
	uint64_t now_ns = conn_end_ns(conn, end);

	conn->end = (uint8_t)end;
	conn->error = error;
	conn->verdict = (uint8_t)verdict;
	if (end == CONN_END_OURS || verdict == VERDICT_FAILED) {
		conn->late_ns = 0;
	} else if (conn->script->is_lasting) {
		/* When all others are over, this end has stopped sending, and may be closed for
		 * that. */
		conn->verdict = run_is_idle(run) ? VERDICT_NONE : VERDICT_EARLY;
	} else if (conn->is_finished) {
		conn->verdict = VERDICT_ON_TIME;
	} else if (conn->script->is_judged && is_of_this_run(conn)) {
		conn->verdict = (uint8_t)conn_judge(conn, now_ns);
		conn_record(conn);
	} else if (conn->script->is_guarded &&
		   (conn_mate(conn) != NULL || conn_options(conn)->is_apart)) {
		conn->verdict = (uint8_t)conn_guard(conn, now_ns);
	}
	atomic_fetch_add(&run->n_verdicts[conn->is_server][conn->verdict], 1);
	conn_release(conn, now_ns);
}

void conn_finish(struct conn *conn, enum conn_end end, int error)
{
	const struct conn *mate = conn_mate(conn);

	if (atomic_load(&conn->lane->run->stopping)) {
		conn_stop(conn); /* its mate may be on another lane, which has stopped first */
		return;
	}
	if (mate != NULL && conn_flag(&mate->is_given_up)) {
		/* The proxy passes on that weirload has closed the other end. */
		if (conn->script->is_judged) {
			conn_give_up(conn);
		} else {
			conn_dismiss(conn);
		}
		return;
	}
	conn_end(conn, end, error, VERDICT_NONE);
}

void conn_give_up(struct conn *conn)
{
	set(&conn->is_given_up, true);
	conn_end(conn, CONN_END_OURS, 0, conn_is_void(conn) ? VERDICT_VOID : VERDICT_NEVER);
}

void conn_dismiss(struct conn *conn)
{
	conn_end(conn, CONN_END_OURS, 0, VERDICT_NONE);
}

void conn_stop(struct conn *conn)
{
	if (conn->state == CONN_CONNECTING) {
		atomic_fetch_add(&conn->lane->run->n_settled, 1);
	}
	if (conn->state == CONN_CONNECTING || conn->state == CONN_OPEN) {
		conn_end(conn, CONN_END_OURS, 0,
			conn->script->is_judged ? VERDICT_UNFINISHED : VERDICT_NONE);
	}
}

/* ---- sending ---- */

void conn_send(struct conn *conn, const void *data, size_t len)
{
	uint64_t before_ns = load(&conn->sent_ns);
	uint64_t now_ns = clock_ns();

	if (before_ns != 0 && conn_flag(&conn->is_sending) &&
		now_ns - before_ns > conn_options(conn)->expect_ns) {
		set(&conn->is_void, true);
	}
	/* Stored before the send, because another thread may judge meanwhile. */
	store(&conn->sent_ns, now_ns);
	if (stream_write(conn->stream, data, len, NULL) < 0) {
		store(&conn->sent_ns, before_ns); /* the send failed; CLOSE follows */
	}
}

void conn_send_byte(struct conn *conn)
{
	static const char filler = CONN_FILLER;

	conn_send(conn, &filler, 1);
}

void conn_greet(struct conn *conn)
{
	uint8_t token[CONN_TOKEN_BYTES];

	if (conn_options(conn)->has_serve) {
		conn_token(conn, token);
		conn_send(conn, token, sizeof(token));
	} else {
		conn_send_byte(conn);
	}
}

void conn_shutdown(struct conn *conn)
{
	store(&conn->fin_ns, clock_ns());
	stream_shutdown(conn->stream);
}

/* ---- the timer ---- */

uint64_t conn_go_ns(const struct conn *conn)
{
	const struct options *options = conn_options(conn);
	uint64_t go_ns = load(&conn->lane->run->go_ns);
	double share = (double)conn_index(conn) / (double)options->n_connections;

	return clock_after(go_ns, (uint64_t)((double)options->spread_ns * share));
}

void conn_arm(struct conn *conn, uint64_t deadline_ns)
{
	conn->is_awaiting = false;
	timer_arm(&conn->timer, deadline_ns);
}

void conn_arm_next(struct conn *conn)
{
	conn_arm(conn, clock_after(clock_ns(), conn_options(conn)->every_ns));
}

static uint64_t conn_never_ns(const struct conn *conn)
{
	return clock_after(conn_from(conn).late_ns, options_patience_ns(conn_options(conn)));
}

void conn_keep_sending(struct conn *conn)
{
	set(&conn->is_sending, true);
}

void conn_await_close(struct conn *conn)
{
	set(&conn->is_sending, false);
	conn->is_awaiting = true;
	timer_arm(&conn->timer, conn_never_ns(conn));
}

static void on_timer(struct timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);
	const struct conn *mate = conn_mate(conn);
	uint64_t never_ns;

	if (!conn->is_awaiting) {
		conn->script->struck(conn);
		return;
	}
	/* The other end may have sent something meanwhile, or may still do so. */
	never_ns = clock_after(conn_never_ns(conn), lane_delay_ns(conn->lane, clock_ns()));
	if (mate != NULL && conn_flag(&mate->is_sending)) {
		never_ns = clock_after(clock_ns(), conn_options(conn)->wait_ns);
	}
	if (clock_ns() < never_ns) {
		timer_arm(timer, never_ns);
	} else {
		conn_give_up(conn);
	}
}

/* ---- events ---- */

enum conn_end conn_end_of(int error)
{
	if (error == 0) {
		return CONN_END_FIN;
	}
	return error == -ECONNRESET || error == -EPIPE ? CONN_END_RST : CONN_END_ERROR;
}

/** The byte that this end sends, except in tokens and messages. */
static char conn_filler(const struct conn *conn)
{
	return conn_options(conn)->scenario->bit == SCENARIO_STALL ? '\0' : CONN_FILLER;
}

void conn_check(struct conn *conn, const char *data, size_t len, char filler)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != filler) {
			conn->is_garbled = true;
			return;
		}
	}
}

static void conn_on_read(struct conn *conn, const char *data, size_t len)
{
	conn->read_ns = stream_read_ns(conn->stream);
	conn->heard_ns = conn->heard_ns == 0 ? conn->read_ns : conn->heard_ns;
	if (!conn_is_matched(conn)) {
		conn_read_token(conn, &data, &len);
	}
	if (len == 0 || conn->state != CONN_OPEN) {
		return;
	}
	if (conn->script->read != NULL) {
		conn->script->read(conn, data, len);
	} else if (conn_mate(conn) != NULL) {
		conn_check(conn, data, len, conn_filler(conn));
	}
}

static void on_event(struct handler *handler, const struct event *event)
{
	struct conn *conn = container_of(handler, struct conn, handler);

	switch (event->type) {
	case STREAM_READ:
		conn_on_read(conn, event->data, event->len);
		break;
	case STREAM_DRAIN:
		if (conn->script->drained != NULL) {
			conn->script->drained(conn);
		}
		break;
	case STREAM_END:
		if (conn->script->ended != NULL) {
			conn->script->ended(conn);
		} else {
			conn_finish(conn, CONN_END_FIN, 0);
		}
		break;
	case STREAM_HANGUP:
		/* Without an error a UNIX peer has closed; if we read, END reports that. */
		if (event->error != 0 || !stream_is_started(conn->stream)) {
			conn_finish(conn, conn_end_of(event->error), event->error);
		}
		break;
	case STREAM_CLOSE:
		conn_finish(conn, conn_end_of(event->error), event->error);
		break;
	default:
		break; /* ERROR: CLOSE follows */
	}
}

/* ---- the beginning ---- */

/** Sets up the stream, which it takes. 0 or a negative errno. */
static int conn_begin(struct conn *conn, struct stream *stream)
{
	conn->stream = stream;
	conn->state = CONN_OPEN;
	conn->handler.call = on_event;
	stream_on(stream,
		STREAM_READ | STREAM_END | STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE |
			(conn->script->drained != NULL ? STREAM_DRAIN : 0),
		&conn->handler);
	stream_set_timeout(stream, 0);
	return stream_start(stream);
}

static void conn_fail(struct conn *conn, int error)
{
	conn->opened_ns = clock_ns();
	hdr_record(&conn->lane->failed, (conn->opened_ns - conn->open_ns) / NS_PER_US);
	conn_end(conn, CONN_END_ERROR, error, VERDICT_FAILED);
}

/** The port by which the other side, for example its log, identifies a client. */
static uint16_t own_port(int fd)
{
	union addr_sockaddr sa = {0};
	socklen_t len = sizeof(sa);
	bool is_inet = getsockname(fd, &sa.any, &len) == 0 &&
		       (sa.any.sa_family == AF_INET || sa.any.sa_family == AF_INET6);

	return is_inet ? ntohs(sa.in.sin_port) : 0; /* at the same offset in both families */
}

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct conn *conn = owner;
	struct run *run = conn->lane->run;

	(void)last;
	(void)late_ns;
	conn->opened_ns = clock_ns();
	atomic_fetch_add(&run->n_settled, 1);
	if (status < 0) {
		conn_fail(conn, status);
		return;
	}
	(void)connector_close(conn->connector);
	status = conn_begin(conn, stream);
	if (status < 0) {
		conn_fail(conn, status);
		return;
	}
	conn->port = own_port(stream_fd(stream));
	atomic_fetch_add(&run->n_opened, 1);
	hdr_record(&conn->lane->connect, (conn->opened_ns - conn->open_ns) / NS_PER_US);
	conn->script->opened(conn);
}

void conn_open(struct conn *conn, struct lane *lane)
{
	const struct options *options = lane->run->options;
	struct connector_opts opts = {
		.loop = lane->loop,
		.addr = &options->target,
		.timeout_ns = options->connect_wait_ns,
		.stream_flags = STREAM_HALF_OPEN,
		.owner = conn,
		.done = on_connected,
	};
	uint32_t index;
	int r;

	atomic_fetch_add(&lane->run->n_begun, 1);
	conn->lane = lane;
	index = conn_index(conn);
	conn->script = options->scenario->script(options, false, index);
	if (options->n_sources > 0) {
		opts.source = &options->sources[index % options->n_sources];
	}
	if ((options->scenario->bit & (SCENARIO_CONNECT | SCENARIO_PREFACE)) != 0 &&
		!options_measures(options)) {
		opts.timeout_ns = options_patience_ns(options);
	}
	set(&conn->is_awaited, !conn->script->is_lasting);
	conn->state = CONN_CONNECTING;
	r = timer_open(&conn->timer, lane->loop, on_timer);
	conn->open_ns = clock_ns();
	if (r == 0) {
		conn->connector = connector_open(&opts);
		r = conn->connector == NULL ? -errno : 0;
	}
	if (r < 0) {
		atomic_fetch_add(&lane->run->n_settled, 1);
		conn_fail(conn, r);
	}
}

int conn_accept(struct conn *conn, struct lane *lane, int fd)
{
	const struct options *options = lane->run->options;
	struct stream *stream = stream_open(lane->loop, fd, STREAM_HALF_OPEN | STREAM_NONBLOCKING);
	int r;

	if (stream == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	conn->lane = lane;
	conn->is_server = true;
	conn->open_ns = clock_ns();
	conn->opened_ns = conn->open_ns;
	conn->script = options->scenario->script(options, true, 0);
	r = timer_open(&conn->timer, lane->loop, on_timer);
	if (r == 0) {
		/* Reads only the token first, because what follows may have to stay unread
		 * (stall). */
		stream_set_read_max(stream, CONN_TOKEN_BYTES);
		r = conn_begin(conn, stream);
	}
	if (r < 0) {
		timer_close(&conn->timer);
		conn->stream = stream_free(stream);
		conn->state = CONN_UNUSED;
		return r;
	}
	if (conn->script->is_judged && is_of_this_run(conn)) {
		conn_await(conn, lane->run);
	}
	if (conn->script->accepted != NULL) {
		conn->script->accepted(conn);
	}
	return 0;
}

void conn_match(struct conn *client, struct conn *server)
{
	atomic_store_explicit(&server->mate, client, memory_order_release);
	atomic_store_explicit(&client->mate, server, memory_order_release);
}

void conn_await(struct conn *server, struct run *run)
{
	/* Its own thread may end it meanwhile. Whoever finds the flag set takes a count back. */
	atomic_fetch_add(&run->n_awaited, 1);
	if (atomic_exchange(&server->is_awaited, true)) {
		atomic_fetch_sub(&run->n_awaited, 1);
	}
}

/* ---- names ---- */

const char *conn_end_name(enum conn_end end)
{
	static const char *const names[] = {
		[CONN_END_NONE] = "",
		[CONN_END_FIN] = "fin",
		[CONN_END_RST] = "rst",
		[CONN_END_ERROR] = "error",
		[CONN_END_OURS] = "weirload",
	};

	return names[end];
}
